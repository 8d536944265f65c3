import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SandboxCase } from '#sandbox/case-file';
import { answer, type FaultServer, startFaultServer } from '../support/fault-server.ts';
import { type FoveaProcess, startFovea } from '../support/fovea-process.ts';
import {
  caseFiles,
  type Hospital,
  reasonOf,
  sandboxCases,
  startHospital,
  stateOf,
} from '../support/hospital.ts';
import { wadoFiles } from '../support/wado.ts';

const template = sandboxCases().find(({ id }) => id === 'low') as SandboxCase;
const good = caseFiles(template)[0] as Uint8Array;

/** Everything that must never be told, each findable by itself. */
const canary = {
  family: 'Canarifamily',
  given: 'Canarigiven',
  mrn: template.patient.mrn,
  birthDate: template.patient.birthDate,
  patientId: 'canary-patient',
  accession: 'CANARYACC',
  description: 'Canary description',
  user: 'canary-user',
  comment: 'Canary comment',
  token: 'canary.access.token',
};

/** One patient a fault; the name in the chart is a canary and the studies have UIDs of their own. */
const rows = ['final', 'unauthorized', 'truncated', 'not-dicom', 'mismatch'] as const;
const cases = rows.map((id, index): SandboxCase => {
  const [study] = template.studies;
  const studyInstanceUid = id === 'final' ? (study?.studyInstanceUid as string) : `2.25.7770${index}`;
  const [series] = study?.series ?? [];
  const [instance] = series?.instances ?? [];
  return {
    ...template,
    id,
    patient: { ...template.patient, ...canary, id: `${canary.patientId}-${id}` },
    studies: [
      {
        ...(study as NonNullable<typeof study>),
        studyInstanceUid,
        accession: canary.accession,
        description: canary.description,
        series: [
          {
            seriesInstanceUid: `2.25.8880${index}`,
            instances: [
              { ...(instance as NonNullable<typeof instance>), sopInstanceUid: `2.25.9990${index}` },
            ],
          },
        ],
      },
    ],
  };
});
const uids = cases.flatMap(({ studies }) =>
  studies.flatMap((study) => [
    study.studyInstanceUid,
    ...study.series.flatMap((series) => [
      series.seriesInstanceUid,
      ...series.instances.map(({ sopInstanceUid }) => sopInstanceUid),
    ]),
  ]),
);

describe('canaries: nothing of a patient, a study or a token in the log or in /metrics', () => {
  let folder: string;
  let pacs: FaultServer;
  let hospital: Hospital;
  let fovea: FoveaProcess;
  const address = (index: number) => {
    const [study] = (cases[index] as SandboxCase).studies;
    return `/wado/studies/${study?.studyInstanceUid}/series/2.25.8880${index}/instances/2.25.9990${index}`;
  };
  const patient = (id: (typeof rows)[number]) => `${canary.patientId}-${id}`;
  const url = () => `${fovea.base}/cds-services/imaging-assessment`;
  const post = (body: string, headers: Readonly<Record<string, string>> = {}) =>
    fetch(url(), { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-test-canary-'));
    pacs = await startFaultServer({
      [address(0)]: wadoFiles(good),
      [address(1)]: answer(401, {}, canary.family),
      [address(2)]: wadoFiles(good.subarray(0, good.length >> 1)),
      [address(3)]: wadoFiles(Buffer.from(canary.family)),
      [address(4)]: wadoFiles(good),
    });
    hospital = await startHospital(cases, `${pacs.origin}/wado`);
    const config = path.join(folder, 'config.json');
    hospital.writeConfig(config, `${pacs.origin}/wado`);
    fovea = await startFovea('serve', { FOVEA_CONFIG: config, FOVEA_LOG_LEVEL: 'debug' });
  });
  afterAll(async () => {
    await fovea?.stop();
    await hospital?.stop();
    await pacs?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    ['final', 'final', undefined],
    ['unauthorized', 'failed', 'DICOMWEB_UNAUTHORIZED'],
    ['truncated', 'failed', 'DICOM_TRUNCATED'],
    ['not-dicom', 'failed', 'DICOM_NOT_DICOM'],
    ['mismatch', 'abstained', 'PATIENT_MISMATCH'],
  ] as const)('a call that ends so: %s, %s, %s', async (id, state, code) => {
    const [card] = await hospital.settled(fovea.base, patient(id));
    expect([stateOf(card), reasonOf(card)]).toEqual([state, code]);
  });

  it('calls that fail before they reach a study: each its own status', async () => {
    const body = {
      hook: 'patient-view',
      hookInstance: crypto.randomUUID(),
      fhirServer: `https://${canary.user}.example/fhir`,
      fhirAuthorization: {
        access_token: canary.token,
        token_type: 'Bearer',
        expires_in: 300,
        scope: 'patient/*.rs',
        subject: canary.user,
      },
      context: { userId: `Practitioner/${canary.user}`, patientId: patient('final') },
    };
    const authorized = async (audience = url()) => ({
      authorization: `Bearer ${await hospital.sign(audience)}`,
    });
    const statusOf = async (answered: Promise<Response>) => (await answered).status;
    expect(await statusOf(post(JSON.stringify(body), { authorization: `Bearer ${canary.token}` }))).toBe(401);
    expect(await statusOf(post(JSON.stringify(body)))).toBe(401);
    expect(await statusOf(post(JSON.stringify(body), await authorized()))).toBe(403);
    expect(await statusOf(post(`{"${canary.family}`, await authorized()))).toBe(400);
    expect(await statusOf(post(JSON.stringify({ ...body, fhirServer: 7 }), await authorized()))).toBe(400);
    const refusedToken = { ...body, fhirServer: hospital.fhirServer };
    expect(await statusOf(post(JSON.stringify(refusedToken), await authorized()))).toBe(412);
    const another = {
      ...refusedToken,
      prefetch: {
        patient: { resourceType: 'Patient', id: 'other', name: [{ family: canary.family }] },
      },
    };
    expect(await statusOf(post(JSON.stringify(another), await authorized()))).toBe(400);
    const addresses = [`/${canary.family}`, `/cds-services/${canary.mrn}`, `/%${canary.user}`];
    for (const one of addresses)
      expect((await fetch(`${fovea.base}${one}`)).status).toBeGreaterThanOrEqual(400);
    const feedback = await fetch(`${url()}/feedback`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(await authorized(`${url()}/feedback`)) },
      body: JSON.stringify({
        feedback: [
          {
            card: crypto.randomUUID(),
            outcome: 'overridden',
            overrideReason: { userComment: canary.comment },
            outcomeTimestamp: '2026-11-20T12:00:00Z',
          },
        ],
      }),
    });
    expect(feedback.status).toBe(404);
  });

  it('of all that, not one canary is in a log line, in /metrics or in /readyz', async () => {
    const log = fovea.output();
    expect(
      log.split('\n').filter((line) => line.includes('"event":"job-ended"')).length,
    ).toBeGreaterThanOrEqual(rows.length);
    const metrics = await (await fetch(`${fovea.base}/metrics`)).text();
    expect(metrics).toContain('fovea_job_seconds_count');
    expect(metrics).toContain('code="PREFETCH_UNMET"');
    const told = [log, metrics, await (await fetch(`${fovea.base}/readyz`)).text()].join('\n');
    const tokens = [...hospital.seen.tokens].map((header) => header.replace(/^Bearer /, ''));
    expect(tokens.length).toBeGreaterThan(rows.length - 1);
    const secrets = [...Object.values(canary), ...uids, ...tokens, canary.birthDate.replaceAll('-', '')];
    expect(secrets.filter((secret) => told.toLowerCase().includes(secret.toLowerCase()))).toEqual([]);
  });

  it('no token lies in the data folder, and no name of a patient', () => {
    const held = readdirSync(fovea.dataFolder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), 'latin1'));
    const tokens = [...hospital.seen.tokens].map((header) => header.replace(/^Bearer /, ''));
    for (const secret of [canary.family, canary.given, canary.token, ...tokens])
      expect(
        held.some((content) => content.includes(secret)),
        secret.slice(0, 8),
      ).toBe(false);
  });
});
