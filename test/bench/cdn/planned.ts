/**
 * What `pitchside plan` says of a scene, beside what its crowd did. It never measures. Invariant: the case is the scene's own: ladder, latency,
 * mix and viewers, one shield.
 */
import type { Latency } from '../../../src/config/model.ts';
import { readLadderFile } from '../../../src/config/shipped-ladders.ts';
import { type Capacity, capacityOf } from '../../../src/plan/capacity.ts';
import { type CapacityCase, PLAYERS } from '../../../src/plan/case.ts';
import { type LadderName, ladderPath } from './stage.ts';

/** The clip of the stage. */
const SOURCE: CapacityCase['source'] = { width: 480, height: 270, frameRate: { num: 30, den: 1 } };

/** `hls=60,ll-hls=40` as shares of 1. */
function sharesOf(mix: string): CapacityCase['mix'] {
  const parts = new Map(mix.split(',').map((item) => item.split('=') as [string, string]));
  const sum = [...parts.values()].reduce((all, share) => all + Number(share), 0);
  const shares = PLAYERS.map((player) => [player, Number(parts.get(player) ?? 0) / sum]);
  return Object.fromEntries(shares) as CapacityCase['mix'];
}

export async function plannedOf(
  ladderName: LadderName,
  latency: Latency,
  mix: string,
  viewers: number,
): Promise<Capacity> {
  const path = ladderPath(ladderName);
  const reading = await readLadderFile(path, path);
  if (reading.kind !== 'ok') throw new Error(`${path} cannot be read`);
  const { ladder } = reading;
  const behind = { windowMs: 120_000, shields: 1, offload: 0, joinSeconds: 1 };
  const result = capacityOf({ ladder, latency, source: SOURCE, viewers, mix: sharesOf(mix), ...behind });
  if (result.kind === 'bad') throw new Error(result.reason);
  return result.capacity;
}
