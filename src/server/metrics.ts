import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';

/** What `/metrics` counts. Labels are of small closed sets: no id, no name, no address. */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    cards: new Counter({
      name: 'fovea_cards_total',
      help: 'Cards sent.',
      labelNames: ['service'],
      registers,
    }),
    badCards: new Counter({
      name: 'fovea_bad_cards_total',
      help: 'Cards kept back because they break the standard.',
      registers,
    }),
    failures: new Counter({
      name: 'fovea_call_failures_total',
      help: 'CDS calls answered with an error.',
      labelNames: ['code'],
      registers,
    }),
    refusals: new Counter({
      name: 'fovea_client_refusals_total',
      help: 'Calls whose client could not be authenticated.',
      labelNames: ['reason'],
      registers,
    }),
    jobs: new Histogram({
      name: 'fovea_job_seconds',
      help: 'From claim to end of an assessment job.',
      labelNames: ['model', 'outcome'],
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    }),
  };
}
