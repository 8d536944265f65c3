import { expect, it } from 'vitest';
import { leaveOneOut } from '#statistics/leave-one-out';
import { vennAbers } from '#statistics/venn-abers';

it('each case is told by the calibration of all others, also among equal scores', async () => {
  const scores = Float64Array.from([-2, -1, -1, -1, 0, 0.5, 0.5, 1, 3, 3]);
  const labels = Uint8Array.from([0, 0, 1, 0, 1, 0, 1, 1, 1, 0]);
  let pauses = 0;
  const found = await leaveOneOut(scores, labels, async () => {
    pauses += 1;
  });
  const expected = [...scores].map((score, own) => {
    const others = <Kind extends Float64Array | Uint8Array>(all: Kind) =>
      all.filter((_, index) => index !== own) as Kind;
    return vennAbers(others(scores), others(labels))(score).probability;
  });
  expect([...found]).toEqual(expected);
  expect(pauses).toBe(0);
});

it('others get a turn between its steps', async () => {
  const n = 1_000;
  let pauses = 0;
  await leaveOneOut(
    Float64Array.from({ length: n }, (_, index) => index),
    Uint8Array.from({ length: n }, (_, index) => ((index * 7) % 3 === 0 ? 1 : 0)),
    async () => {
      pauses += 1;
    },
  );
  expect(pauses).toBeGreaterThan(50);
});
