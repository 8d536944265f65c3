import type { AppStudy } from '#core/app';
import type { FindingView, ModelFacts } from '#core/hook-tools';

/** One model's results on one finding over the studies, oldest first. */
export interface Trend {
  readonly model: ModelFacts;
  readonly finding: string;
  readonly label: string;
  readonly points: readonly TrendPoint[];
}

export interface TrendPoint {
  readonly study: AppStudy;
  /** Milliseconds; the date of the record as if it were UTC. */
  readonly at: number;
  /** null: the study has no result. */
  readonly result: FindingView | null;
}

/** Of each model and finding with at least two results on dated studies. */
export function trendsOf(studies: readonly AppStudy[]): readonly Trend[] {
  const trends = new Map<string, Trend>();
  for (const { model, findings } of studies) {
    for (const { name, label } of findings) {
      const key = JSON.stringify([model.name, model.version, name]);
      if (!trends.has(key))
        trends.set(key, { model, finding: name, label, points: pointsOf(studies, model, name) });
    }
  }
  return [...trends.values()].filter(
    ({ points }) => points.filter(({ result }) => result !== null).length >= 2,
  );
}

function pointsOf(studies: readonly AppStudy[], model: ModelFacts, finding: string): readonly TrendPoint[] {
  return studies
    .filter((study) => study.model.name === model.name && study.model.version === model.version)
    .flatMap((study) => {
      const at = momentOf(study.started);
      const result = study.findings.find(({ name }) => name === finding) ?? null;
      return at === null ? [] : [{ study, at, result }];
    })
    .sort((a, b) => a.at - b.at);
}

/** The date and time as they are written, so that the order of the record is kept whatever the time zones. */
export function momentOf(started: string | null): number | null {
  const match = /^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2}))?)?)?/.exec(started ?? '');
  if (match === null) return null;
  const [year, month, day, hour, minute] = match.slice(1).map((part) => Number(part ?? Number.NaN));
  return Date.UTC(
    year as number,
    Number.isNaN(month) ? 0 : (month as number) - 1,
    Number.isNaN(day) ? 1 : (day as number),
    Number.isNaN(hour) ? 0 : (hour as number),
    Number.isNaN(minute) ? 0 : (minute as number),
  );
}
