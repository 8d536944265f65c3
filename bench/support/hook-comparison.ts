import type { Context } from '../context.ts';
import { atLeast, atMost, type Goal, measuredRow, type Row } from '../row.ts';
import { connections, createAgent, measureCapacity, measureLatency, type Target } from './load.ts';
import { inTurn, median, quantile } from './numbers.ts';

/** Fovea and the two physical paths beside it. */
export interface HookTargets {
  readonly fovea: Target;
  /** A Fastify route that answers the same bytes. */
  readonly bare: Target;
  /** The same after the store read of a hook. */
  readonly read: Target;
}

/** The four goals of one way to call the hook. */
export function hookGoals(group: string): readonly [Goal, Goal, Goal, Goal] {
  return [
    atLeast(`${group}.requests-to-bare`, 0.5, '×'),
    atLeast(`${group}.requests-to-store-read`, 0.8, '×'),
    atMost(`${group}.p50-to-bare`, 2, '×'),
    atMost(`${group}.p99-to-bare`, 3, '×'),
  ];
}

const targetNames = ['bare', 'read', 'fovea'] as const;
type TargetName = (typeof targetNames)[number];
/** Of each target before anything counts: V8 is still compiling the longer path while the bare one has long been fast. */
const warmUps = 4;
const capacityRounds = 9;
const latencyRounds = 6;
/** Calls of one latency round. */
const latencyCalls = 200;

/** How many calls {@link compareHooks} makes at most when a capacity measurement is `amount` calls. */
export function callsOf(context: Context, amount: number): number {
  const rounds = context.count(warmUps) + context.count(capacityRounds);
  const latency = 2 * context.count(latencyRounds) * context.count(latencyCalls);
  // autocannon may prepare one more call for each connection than it makes.
  return targetNames.length * rounds * (amount + 2 * connections) + latency;
}

/**
 * Capacity (16 connections, each round all three targets, median of the rounds' ratios) and latency at 100 requests a
 * second (rounds of both targets, all answers together). Who comes first changes from round to round.
 *
 * @param size one capacity measurement
 */
export async function compareHooks(
  context: Context,
  group: string,
  targets: HookTargets,
  size: { readonly seconds: number } | { readonly amount: number },
): Promise<readonly Row[]> {
  const [toBare, toRead, p50, p99] = hookGoals(group);
  const rounds = context.count(capacityRounds);
  const agent = createAgent();
  const found: Record<TargetName, { perSecond: number; processorMs: number }[]> = {
    bare: [],
    read: [],
    fovea: [],
  };
  context.say(`${group}: warm-up`);
  for (let round = 0; round < context.count(warmUps); round++) {
    for (const name of targetNames) await measureCapacity(targets[name], size);
  }
  for (let round = 0; round < rounds; round++) {
    context.say(`${group}: requests a second, round ${round + 1} of ${rounds}`);
    for (const name of inTurn(targetNames, round))
      found[name].push(await measureCapacity(targets[name], size));
  }
  const latency: Record<'bare' | 'fovea', number[][]> = { bare: [], fovea: [] };
  for (let round = 0; round < context.count(latencyRounds); round++) {
    context.say(`${group}: latency at 100 requests a second, round ${round + 1}`);
    for (const name of inTurn(['bare', 'fovea'] as const, round)) {
      latency[name].push(await measureLatency(targets[name], agent, context.count(latencyCalls)));
    }
  }
  agent.destroy();

  const ratios = (other: 'bare' | 'read') =>
    found.fovea.map(({ perSecond }, round) => perSecond / (found[other][round]?.perSecond ?? Number.NaN));
  const parts = (other: 'bare' | 'read') => ({
    foveaPerSecond: median(found.fovea.map((one) => one.perSecond)),
    [`${other}PerSecond`]: median(found[other].map((one) => one.perSecond)),
    ...processorParts('fovea'),
    ...processorParts(other),
  });
  const processorParts = (name: TargetName) => {
    const used = median(found[name].map((one) => one.processorMs));
    return Number.isNaN(used) ? {} : { [`${name}ProcessorMs`]: used };
  };
  const latencyRow = (goal: Goal, q: number) => {
    const [foveaMs, bareMs] = [quantile(latency.fovea.flat(), q), quantile(latency.bare.flat(), q)];
    return measuredRow(goal, {
      value: foveaMs / bareMs,
      n: latency.fovea.flat().length,
      each: latency.fovea.map((own, round) => quantile(own, q) / quantile(latency.bare[round] ?? [], q)),
      parts: { foveaMs, bareMs },
    });
  };
  return [
    measuredRow(toBare, {
      value: median(ratios('bare')),
      n: rounds,
      each: ratios('bare'),
      parts: parts('bare'),
    }),
    measuredRow(toRead, {
      value: median(ratios('read')),
      n: rounds,
      each: ratios('read'),
      parts: parts('read'),
    }),
    latencyRow(p50, 0.5),
    latencyRow(p99, 0.99),
  ];
}
