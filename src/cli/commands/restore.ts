export const restore = null as never;
