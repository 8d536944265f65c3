import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SandboxCase } from '#sandbox/case-file';
import { type FoveaProcess, startFovea } from '../support/fovea-process.ts';
import {
  caseFiles,
  type Hospital,
  reasonOf,
  sandboxCases,
  startHospital,
  stateOf,
} from '../support/hospital.ts';
import { type Orthanc, orthancAvailability, startOrthanc } from '../support/orthanc.ts';
import { realCharts } from '../support/real-charts.ts';

const { available, reason } = orthancAvailability();

describe.skipIf(!available)(
  `fovea serve with Orthanc as the PACS${available ? '' : ` (skipped: ${reason})`}`,
  () => {
    const cases = sandboxCases();
    const real = realCharts();
    const of = (id: string) => cases.find((one) => one.id === id) as SandboxCase;
    let folder: string;
    let orthanc: Orthanc;
    let hospital: Hospital;
    let fovea: FoveaProcess;

    beforeAll(async () => {
      folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-test-orthanc-'));
      orthanc = await startOrthanc();
      // A truncated file is not one that an archive takes in.
      for (const one of cases.filter(({ expected }) => expected.reasonCode !== 'DICOM_TRUNCATED')) {
        const files = caseFiles(one);
        if (files.length > 0) await orthanc.store(files);
      }
      for (const { bytes } of real) await orthanc.store([bytes]);
      hospital = await startHospital([...cases, ...real.map(({ chart }) => chart)], orthanc.dicomweb);
      const config = path.join(folder, 'config.json');
      hospital.writeConfig(config, orthanc.dicomweb);
      fovea = await startFovea('serve', { FOVEA_CONFIG: config });
    });
    afterAll(async () => {
      await fovea?.stop();
      await hospital?.stop();
      await orthanc?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    it('assesses a study that comes over WADO-RS, and answers from the store the second time', async () => {
      const patient = of('elevated').patient.id;
      const [card] = await hospital.settled(fovea.base, patient);
      expect(stateOf(card)).toBe('final');
      expect(card?.extension['health.fovea.assessment'].findings?.[0]?.band).toBe('elevated');
      expect(
        card?.links?.map(({ url }) => new URL(url).pathname),
        'nothing of the app where the EHR has not registered it',
      ).toEqual(['/cds-services/imaging-assessment/source-attributes']);
      const again = await hospital.openChart(fovea.base, patient);
      expect(again.status).toBe(200);
      expect(stateOf(again.cards[0])).toBe('final');
    });

    it.each(
      cases.filter(
        ({ expected, endpoint, studies }) =>
          expected.status !== null &&
          expected.reasonCode !== 'DICOM_TRUNCATED' &&
          endpoint === 'normal' &&
          studies.length > 0,
      ),
    )(
      '$id gives what the sandbox gives: $expected.status $expected.reasonCode',
      async ({ patient, expected }) => {
        const cards = await hospital.settled(fovea.base, patient.id);
        expect(stateOf(cards[0])).toBe(expected.status);
        if (expected.reasonCode !== null) expect(reasonOf(cards[0])).toBe(expected.reasonCode);
      },
    );

    it('ten charts of one patient opened at once make one job', async () => {
      const patient = of('low').patient.id;
      await Promise.all(Array.from({ length: 10 }, () => hospital.openChart(fovea.base, patient)));
      await hospital.settled(fovea.base, patient);
      const ended = fovea
        .output()
        .split('\n')
        .filter((line) => line.includes('"event":"job-ended"'));
      const jobs = ended.map((line) => (JSON.parse(line) as { job: string }).job);
      expect(new Set(jobs).size).toBe(jobs.length);
    });

    it('a call without a token, with another’s token or with a used one is 401, and nothing is fetched', async () => {
      const url = `${fovea.base}/cds-services/imaging-assessment`;
      const before = hospital.seen.urls.length;
      const call = (headers: Record<string, string>) =>
        fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify({
            hook: 'patient-view',
            hookInstance: crypto.randomUUID(),
            fhirServer: hospital.fhirServer,
            context: { userId: 'Practitioner/1', patientId: of('elevated').patient.id },
          }),
        });
      expect((await call({})).status).toBe(401);
      expect((await call({ authorization: 'Bearer not.a.token' })).status).toBe(401);
      expect(
        (
          await call({
            authorization: `Bearer ${await hospital.sign('https://elsewhere.example/cds-services/imaging-assessment')}`,
          })
        ).status,
      ).toBe(401);
      expect(hospital.seen.urls.length).toBe(before);
      const token = await hospital.sign(url);
      expect((await call({ authorization: `Bearer ${token}` })).status).not.toBe(401);
      expect((await call({ authorization: `Bearer ${token}` })).status).toBe(401);
    });

    it.each([
      'http://169.254.169.254/latest/meta-data',
      'http://127.0.0.1:1/fhir',
      'http://localhost/fhir',
      'https://ehr.example.org',
      'http://[::1]/fhir',
      'http://0x7f000001/fhir',
    ])('a fhirServer that is not the tenant’s is refused: %s', async (fhirServer) => {
      const { status, outcome } = await hospital.openChart(fovea.base, of('elevated').patient.id, {
        fhirServer,
      });
      expect([status, outcome]).toEqual([403, 'FHIR_SERVER_NOT_ALLOWED']);
    });

    it('a patient id that is a path is refused before anything is fetched', async () => {
      const before = hospital.seen.urls.length;
      const { status } = await hospital.openChart(fovea.base, '../../admin?x=');
      expect(status).toBe(400);
      expect(hospital.seen.urls.length).toBe(before);
    });

    it('no access token reaches the log or the data folder', () => {
      const tokens = [...hospital.seen.tokens].map((header) => header.replace(/^Bearer /, ''));
      expect(tokens.length).toBeGreaterThan(0);
      const held = readdirSync(fovea.dataFolder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), 'latin1'));
      for (const token of tokens) {
        expect(fovea.output().includes(token)).toBe(false);
        expect(held.some((content) => content.includes(token))).toBe(false);
      }
    });

    it.skipIf(real.length === 0).each(real)(
      'a real file of others, $name: silent for a coded reason',
      async ({ chart }) => {
        const cards = await hospital.settled(fovea.base, chart.patient.id);
        const [card] = cards;
        // None shows a young child, so none may get a number; a file of another class gets no card at all.
        if (card !== undefined) {
          expect(['abstained', 'failed']).toContain(stateOf(card));
          expect(reasonOf(card)).toMatch(/^(GATE|DICOM|PATIENT)_[A-Z0-9_]+$/);
        }
        expect((await fetch(`${fovea.base}/readyz`)).status).toBe(200);
      },
    );
  },
);
