import { toScored } from '#statistics/scored';

/** 60 scores, all different, in no order, with labels that go with them but not strictly. */
const rows = Array.from({ length: 60 }, (_, i) => ({
  score: Math.round((((i * 37) % 61) / 61) * 100) / 100,
  label: ((i * 37) % 61) + ((i * 53) % 29) > 45 ? 1 : 0,
}));

export const referenceScores = rows.map((row) => row.score);
export const referenceLabels = rows.map((row) => row.label);
export const reference = toScored(referenceScores, referenceLabels);
