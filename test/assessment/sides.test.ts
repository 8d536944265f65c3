import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idOf } from '#assessment/catalogue';
import { createPool, type Pool } from '#assessment/pool';
import { loadPackage } from '#inference/package';
import { shippedPackage } from '../support/model-packages.ts';

/** The sandbox's elevated case; its Patient Orientation is `L\F`. */
const file = readFileSync(path.resolve(import.meta.dirname, '../../sandbox/data/elevated/1.dcm'));
const orientation = Buffer.from([0x20, 0x00, 0x20, 0x00, 0x43, 0x53, 0x04, 0x00]);

/** The same file with another Patient Orientation of four characters. */
function lying(value: string): Uint8Array {
  const at = file.indexOf(orientation) + orientation.length;
  const copy = Buffer.from(file);
  copy.write(value.padEnd(4), at, 'latin1');
  return copy;
}

describe('the sides that a result names', () => {
  let pool: Pool;
  let model: string;
  beforeAll(async () => {
    const pkg = await loadPackage((await shippedPackage()) as string);
    model = idOf(pkg);
    pool = createPool({ folders: { [model]: pkg.folder }, providers: ['cpu'], size: 1, timeoutMs: 30_000 });
  });
  afterAll(() => pool?.close());
  const assess = async (value: string) => {
    const { assessment } = await pool.assess({
      model,
      bytes: lying(value),
      patient: null,
      studyInstanceUid: null,
      labelled: null,
    });
    return assessment;
  };
  const zonesOf = async (value: string) => (await assess(value)).findings[0]?.zones ?? [];
  const swapped = (zone: string) =>
    zone.replace(/left|right/, (side) => (side === 'left' ? 'right' : 'left'));

  it('are the patient’s where the header says how the picture lies, mirrored or not', async () => {
    const zones = await zonesOf('L\\F');
    expect(zones.join()).toMatch(/left|right/);
    expect(zones.join()).not.toContain('picture');
    expect(await zonesOf('R\\F')).toEqual(zones.map(swapped));
  });

  it('are the picture’s where it does not', async () => {
    const zones = await zonesOf('');
    for (const zone of zones.filter((one) => one !== 'central zone')) expect(zone).toMatch(/^picture’s /);
    expect(zones.map((zone) => swapped(zone.replace('picture’s ', '')))).toEqual(await zonesOf('L\\F'));
  });

  it('are those of no picture that is turned over: it is refused', async () => {
    expect(await assess('L\\H')).toMatchObject({ status: 'abstained', reason: { code: 'GATE_VIEW' } });
  });
});
