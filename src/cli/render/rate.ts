/** How fast it goes now, and how long it will still take. */

// Long enough to even out small files and large ones, short enough to follow a change of pace.
const windowMs = 15_000;
// Below this a forecast would be days of nonsense: nothing is said instead.
const slowestBytesPerSecond = 1024;

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

export class RateEstimator {
  #samples: Sample[] = [];

  add(bytesDone: number, atMs: number): void {
    this.#samples.push({ atMs, bytes: bytesDone });
    while (this.#samples.length > 2 && (this.#samples[1]?.atMs ?? atMs) < atMs - windowMs) this.#samples.shift();
  }

  /** Over the window; 0 as long as there is too little to tell. */
  get bytesPerSecond(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
    return (1000 * (last.bytes - first.bytes)) / (last.atMs - first.atMs);
  }

  /** Undefined when it cannot be told. */
  secondsFor(remainingBytes: number): number | undefined {
    const rate = this.bytesPerSecond;
    return rate < slowestBytesPerSecond ? undefined : Math.max(0, remainingBytes) / rate;
  }
}
