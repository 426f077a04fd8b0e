/** The repositories whose life is measured. */
export const lifeNames = ['changing-tree', 'many-snapshots'] as const;
export type LifeName = (typeof lifeNames)[number];
