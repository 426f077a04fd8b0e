/** Chooses the packs that a check reads, and notes on this machine which of them were right and when. */
import { defaultStatePlace, proofTimesPath } from '../../app/state-place.ts';
import { systemRandomness } from '../../base/clock.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import { isId } from '../../base/ids.ts';
import type { StoredPack } from '../../repository/check/check-packs.ts';
import { selectPacks } from '../../repository/check/pack-selection.ts';
import { ProofTimes } from '../../repository/check/proof-times.ts';
import type { CommandContext } from '../commands/command.ts';
import type { DataChoice } from './data-choice.ts';

/** How much of a long check is forgotten at most when it is killed. */
const saveIntervalMs = 60_000;

/** What is known of all packs when a check has ended. */
export interface ProofState {
  readonly neverProvedCount: number;
  /** In milliseconds since 1970; undefined as long as there are packs that were never proved. */
  readonly oldestProofMs: number | undefined;
}

export class ProofRecord {
  readonly #context: CommandContext;
  readonly #choice: DataChoice;
  readonly #times: ProofTimes | undefined;
  #packs: ReadonlySet<string> = new Set();
  #savedMs: number;
  #saving: Promise<void> = Promise.resolve();
  #hasWarned = false;

  private constructor(context: CommandContext, choice: DataChoice, times: ProofTimes | undefined) {
    this.#context = context;
    this.#choice = choice;
    this.#times = times;
    this.#savedMs = context.clock.monotonicMs();
  }

  /** @throws HoldfastError `usage` when the oldest are asked for and there is no place to remember anything */
  static async open(context: CommandContext, choice: DataChoice, repositoryId: string): Promise<ProofRecord> {
    const place = defaultStatePlace((name) => context.environment.foreign(name));
    if (place !== undefined && isId(repositoryId)) {
      const onUnreadable = ({ message }: HoldfastError): void => {
        if (choice.kind !== 'oldest') return;
        context.events({ kind: 'warning', message: `when packs were proved is not known any more, the round begins anew: ${message}` });
      };
      return new ProofRecord(context, choice, await ProofTimes.load(proofTimesPath(place, repositoryId), onUnreadable));
    }
    if (choice.kind !== 'oldest') return new ProofRecord(context, choice, undefined);
    throw new HoldfastError(
      'usage',
      'nothing says where to remember which packs were read: XDG_STATE_HOME is not set, and HOME names no folder',
      {
        hint: 'Set XDG_STATE_HOME, or use --read-data-subset with a percentage or a size.',
      },
    );
  }

  readonly choosePacks = (packs: readonly StoredPack[]): readonly StoredPack[] => {
    this.#packs = new Set(packs.map(({ id }) => id));
    const choice = this.#choice;
    if (choice.kind === 'none' || choice.kind === 'all') return packs;
    const provedMs = (pack: string): number | undefined => this.#times?.timeOf(pack);
    return selectPacks(packs, choice.kind === 'oldest' ? { ...choice, provedMs } : choice, systemRandomness);
  };

  readonly onProved = (pack: string): void => {
    const { clock } = this.#context;
    this.#times?.add(pack, Number(clock.nowNs() / 1_000_000n));
    if (clock.monotonicMs() - this.#savedMs < saveIntervalMs) return;
    this.#savedMs = clock.monotonicMs();
    this.#saving = this.#saving.then(() => this.#save());
  };

  /** However the check ended: what was proved is proved. */
  async close(): Promise<void> {
    await this.#saving;
    await this.#save();
  }

  get state(): ProofState | undefined {
    const times = this.#times;
    if (times === undefined) return undefined;
    let neverProvedCount = 0;
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const pack of this.#packs) {
      const ms = times.timeOf(pack);
      if (ms === undefined) neverProvedCount++;
      else oldestMs = Math.min(oldestMs, ms);
    }
    return { neverProvedCount, oldestProofMs: neverProvedCount > 0 || this.#packs.size === 0 ? undefined : oldestMs };
  }

  async #save(): Promise<void> {
    // Without the list of packs nothing was proved either.
    if (this.#times === undefined || this.#packs.size === 0) return;
    try {
      await this.#times.save((pack) => this.#packs.has(pack));
    } catch (error) {
      if (this.#choice.kind !== 'oldest' || this.#hasWarned) return;
      this.#hasWarned = true;
      const message = `which packs were proved cannot be remembered, the next check may read the same: ${asHoldfastError(error).message}`;
      this.#context.events({ kind: 'warning', message });
    }
  }
}
