import type { Context } from '../context.ts';
import { atLeast, atMost, type Goal, measuredRow, type Row } from '../row.ts';
import { createAgent, measureCapacity, measureLatency, type Target } from './load.ts';
import { median, quantile } from './numbers.ts';

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
const capacityRounds = 5;
const latencyRounds = 3;

/**
 * Capacity (16 connections, each round all three targets, median of the rounds' ratios) and latency at 100 requests a
 * second (rounds of both targets, all answers together).
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
  for (const name of targetNames) await measureCapacity(targets[name], size);
  for (let round = 0; round < rounds; round++) {
    context.say(`${group}: requests a second, round ${round + 1} of ${rounds}`);
    for (const name of targetNames) found[name].push(await measureCapacity(targets[name], size));
  }
  const latency: Record<'bare' | 'fovea', number[]> = { bare: [], fovea: [] };
  for (let round = 0; round < context.count(latencyRounds); round++) {
    context.say(`${group}: latency at 100 requests a second, round ${round + 1}`);
    for (const name of ['bare', 'fovea'] as const) {
      latency[name].push(...(await measureLatency(targets[name], agent, context.count(300))));
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
    const [foveaMs, bareMs] = [quantile(latency.fovea, q), quantile(latency.bare, q)];
    return measuredRow(goal, {
      value: foveaMs / bareMs,
      n: latency.fovea.length,
      parts: { foveaMs, bareMs },
    });
  };
  return [
    measuredRow(toBare, { value: median(ratios('bare')), n: rounds, parts: parts('bare') }),
    measuredRow(toRead, { value: median(ratios('read')), n: rounds, parts: parts('read') }),
    latencyRow(p50, 0.5),
    latencyRow(p99, 0.99),
  ];
}
