/** Loaded before a program: its clock on the wall is off by HOLDFAST_TEST_SKEW_MS. */
const skewMs = Number(process.env.HOLDFAST_TEST_SKEW_MS ?? 0);
const { now } = Date;
Date.now = () => now() + skewMs;
