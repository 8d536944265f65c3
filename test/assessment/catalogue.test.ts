import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Catalogue, deployedModels, idOf, loadCatalogue, packageOf } from '#assessment/catalogue';
import { couldRead, isRecent, unusedShares } from '#assessment/deployed';
import { packageRoots, readConfig } from '#config';
import type { StudyReference } from '#core/imaging';
import type { Manifest } from '#core/model-package';
import { clinicTenant } from '../support/clinic.ts';
import { modelsFolder, shippedPackage } from '../support/model-packages.ts';

const name = 'chest-xray-pneumonia-paediatric';

describe('the catalogue of model packages', () => {
  let shipped: string;
  let root: string;
  let catalogue: Catalogue;
  const at = (version: string) => path.join(root, 'models', name, version);

  /** A copy of the shipped package under another version; nothing but its manifest says the version. */
  function copy(version: string): string {
    cpSync(shipped, at(version), { recursive: true });
    const file = path.join(at(version), 'manifest.json');
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    writeFileSync(file, JSON.stringify({ ...manifest, version }));
    return at(version);
  }

  beforeAll(async () => {
    shipped = (await shippedPackage(name)) as string;
    root = mkdtempSync(path.join(os.tmpdir(), 'fovea-test-models-'));
    copy('1000.0.0');
    copy('1000.1.0-rc.1');
    writeFileSync(path.join(copy('1001.0.0'), 'card.md'), 'another card');
    writeFileSync(path.join(copy('1002.0.0'), 'surprise.txt'), 'not listed');
    mkdirSync(at('1003.0.0'));
    mkdirSync(at('1004.0.0'));
    writeFileSync(path.join(at('1004.0.0'), 'manifest.json'), '{');
    catalogue = await loadCatalogue(packageRoots(readConfig({ FOVEA_DATA: root }, 1)));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('holds what ships in models/ and what the site adds under FOVEA_DATA/models', () => {
    const folders = catalogue.packages.map(({ folder }) => folder);
    expect(folders).toContain(shipped);
    expect(folders).toContain(at('1000.0.0'));
  });

  it('a package that breaks a rule is refused with its reason; the others are there', () => {
    const refused = new Map(
      catalogue.refused
        .filter(({ folder }) => folder.startsWith(root))
        .map(({ version, code, detail }) => [version, [code, detail]]),
    );
    expect([...refused.keys()].sort()).toEqual(['1001.0.0', '1002.0.0', '1003.0.0', '1004.0.0']);
    expect(refused.get('1001.0.0')?.[0]).toBe('MODEL_DIGEST_MISMATCH');
    expect(refused.get('1002.0.0')).toEqual([
      'MODEL_PACKAGE_INVALID',
      expect.stringContaining('surprise.txt'),
    ]);
    expect(refused.get('1003.0.0')?.[0]).toBe('MODEL_NOT_FOUND');
    expect(refused.get('1004.0.0')).toEqual([
      'MODEL_PACKAGE_INVALID',
      expect.stringContaining('manifest.json'),
    ]);
  });

  it('a folder of packages that is not there holds nothing', async () => {
    expect(await loadCatalogue([path.join(root, 'nowhere')])).toEqual({ packages: [], refused: [] });
  });

  it('a site cannot replace what ships under the same version', async () => {
    const version = path.basename(shipped);
    const both = await loadCatalogue([
      modelsFolder,
      path.join(root, 'models'),
      path.dirname(path.dirname(shipped)),
    ]);
    expect(
      both.packages.filter((pkg) => pkg.manifest.version === version).map(({ folder }) => folder),
    ).toEqual([shipped]);
  });

  describe('which models speak', () => {
    it('without deployments the newest verified version of each name is active, for research use', () => {
      const found = deployedModels(catalogue, null).filter((one) => one.package.manifest.name === name);
      expect(found.map((one) => [idOf(one.package), one.state, one.use])).toEqual([
        [`${name}@1000.1.0-rc.1`, 'active', 'research'],
      ]);
    });

    it('with deployments exactly the named ones, retired ones left out', () => {
      const line = { model: name, use: 'investigational' };
      const found = deployedModels(catalogue, [
        { ...line, version: '1000.0.0', state: 'shadow' },
        { ...line, version: path.basename(shipped), state: 'active' },
        { ...line, version: '1000.1.0-rc.1', state: 'retired' },
      ]);
      expect(found.map((one) => [one.package.manifest.version, one.state, one.use])).toEqual([
        ['1000.0.0', 'shadow', 'investigational'],
        [path.basename(shipped), 'active', 'investigational'],
      ]);
    });

    it('no deployments at all: nothing speaks', () => {
      expect(deployedModels(catalogue, [])).toEqual([]);
    });

    it.each([
      ['that is not there', '9.9.9', 'there is no such package'],
      ['that was refused', '1001.0.0', 'does not have the digest'],
    ])(
      'a deployment of a package %s is a wrong configuration, with the reason',
      (_which, version, reason) => {
        const line = { model: name, version, state: 'active', use: 'research' } as const;
        expect(() => deployedModels(catalogue, [line])).toThrow(
          expect.objectContaining({
            code: 'CONFIG_INVALID',
            detail: expect.stringMatching(new RegExp(`${name}@${version}.*${reason}`)),
          }),
        );
      },
    );

    it('one package deployed twice is a wrong configuration', () => {
      const line = { model: name, version: '1000.0.0', state: 'active', use: 'research' } as const;
      expect(() => deployedModels(catalogue, [line, { ...line, state: 'shadow' }])).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID' }),
      );
    });
  });

  it('two active versions of one model are a wrong configuration: both would speak about a study', () => {
    const line = { model: name, state: 'active', use: 'research' } as const;
    expect(() =>
      deployedModels(catalogue, [
        { ...line, version: '1000.0.0' },
        { ...line, version: path.basename(shipped) },
      ]),
    ).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', detail: `Two versions of ${name} are active.` }),
    );
  });

  it('a share of a tenant that is of no deployed finding is told', () => {
    const prevalence = { [`${name}/pneumonia`]: 0.1, [`${name}/pneumonias`]: 0.1, 'other/pneumonia': 0.1 };
    const models = deployedModels(catalogue, null);
    expect(unusedShares({ ...clinicTenant, prevalence }, models)).toEqual([
      `${name}/pneumonias`,
      'other/pneumonia',
    ]);
    expect(unusedShares({ ...clinicTenant, prevalence: {} }, models)).toEqual([]);
  });

  describe('a package that a command names', () => {
    it('by name and version', () => {
      expect(idOf(packageOf(catalogue, `${name}@1000.0.0`))).toBe(`${name}@1000.0.0`);
    });

    it('one that was refused says why, also when it is the newest of its name', () => {
      expect(() => packageOf(catalogue, `${name}@1001.0.0`)).toThrow(
        expect.objectContaining({ code: 'MODEL_DIGEST_MISMATCH' }),
      );
      expect(() => packageOf(catalogue, name)).toThrow(
        expect.objectContaining({
          code: 'MODEL_PACKAGE_INVALID',
          detail: expect.stringContaining('manifest'),
        }),
      );
    });

    it('one that is not there is MODEL_NOT_FOUND', () => {
      for (const wanted of ['nobody', `${name}@9.9.9`])
        expect(() => packageOf(catalogue, wanted)).toThrow(
          expect.objectContaining({ code: 'MODEL_NOT_FOUND' }),
        );
    });
  });
});

describe('which studies a model could read', () => {
  const study = (
    modalities: readonly string[],
    ofSeries: readonly (string | null)[] = [],
  ): StudyReference => ({
    studyInstanceUid: '1.2',
    fhirId: null,
    started: null,
    description: null,
    modalities,
    endpoint: null,
    unreadEndpoints: [],
    numberOfInstances: null,
    series: ofSeries.map((modality, index) => ({
      seriesInstanceUid: `1.2.${index}`,
      modality,
      bodySite: null,
      endpoint: null,
      unreadEndpoints: [],
      instances: [],
    })),
  });
  const manifest = { selects: { modality: ['DX', 'CR'] } } as unknown as Manifest;

  it.each<[string, StudyReference, boolean]>([
    ['of its modality', study(['DX']), true],
    ['of another', study(['MR']), false],
    ['of several, one of them its own', study(['SR', 'CR']), true],
    ['whose series alone say it', study([], ['CT', 'DX']), true],
    ['whose series say another', study([], ['CT', null]), false],
    ['that states none: the image itself is judged', study([], [null]), true],
  ])('a study %s: %s', (_which, one, expected) => {
    expect(couldRead(one, manifest)).toBe(expected);
  });

  const now = new Date('2026-11-20T12:00:00Z');
  it.each<[string | null, boolean]>([
    ['2026-11-20T11:59:59Z', true],
    ['2026-11-10T12:00:00Z', true],
    ['2026-11-10T11:59:59Z', false],
    ['2026-11-10T13:30:00+01:30', true],
    ['2025', false],
    ['2027-01-01', true],
    [null, true],
    ['not a date', true],
  ])('ten days of lookback and a study of %s: recent is %s', (started, expected) => {
    expect(isRecent({ ...study([]), started }, now, 10)).toBe(expected);
  });
});
