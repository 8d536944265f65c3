import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Fastify from 'fastify';
import { createAccessTokens } from '#sandbox/access-tokens';
import { readCases, type SandboxCase } from '#sandbox/case-file';
import { chartRecords } from '#sandbox/fhir-records';
import { fhirRoutes } from '#sandbox/fhir-routes';
import { createFhirStore } from '#sandbox/fhir-store';
import { createSigningKey } from '#sandbox/signing-key';

export const sandboxData = path.resolve(import.meta.dirname, '..', '..', 'sandbox', 'data');

/** The sandbox's cases, as records and files for tests of the whole. */
export const sandboxCases = (): readonly SandboxCase[] => readCases(sandboxData);

/** Files of a case, DICOM Part 10. */
export function caseFiles(one: SandboxCase): Uint8Array[] {
  return one.studies.flatMap((study) =>
    study.series.flatMap((series) =>
      series.instances.map(({ file }) => readFileSync(path.join(sandboxData, one.folder, file))),
    ),
  );
}

/** A card as it came over the wire, as far as the tests look at it. */
export interface WireCard {
  readonly uuid: string;
  readonly summary: string;
  readonly detail: string;
  readonly indicator: string;
  readonly links?: readonly { readonly url: string }[];
  readonly extension: {
    readonly 'health.fovea.assessment': {
      readonly state: string;
      readonly findings?: readonly { readonly band: string }[];
      readonly reason?: { readonly code: string };
    };
  };
}

export const stateOf = (card: WireCard | undefined) => card?.extension['health.fovea.assessment'].state;
export const reasonOf = (card: WireCard | undefined) =>
  card?.extension['health.fovea.assessment'].reason?.code;

export interface HookAnswer {
  readonly status: number;
  readonly cards: readonly WireCard[];
  readonly outcome: string | null;
  readonly milliseconds: number;
}

/** A hospital: a FHIR server (Medplum's router) that asks for tokens, and an EHR that signs its calls. */
export interface Hospital {
  readonly fhirServer: string;
  /** Bearer tokens that reached the FHIR server, and addresses asked for. */
  readonly seen: { readonly tokens: Set<string>; readonly urls: string[] };
  /** Writes a configuration for `fovea serve`. */
  writeConfig(file: string, imagingServer: string, more?: Readonly<Record<string, unknown>>): void;
  /** Opens a chart: one signed `patient-view` call. */
  openChart(base: string, patientId: string, more?: Readonly<Record<string, unknown>>): Promise<HookAnswer>;
  /** Opens the chart again until nothing is pending. */
  settled(base: string, patientId: string): Promise<readonly WireCard[]>;
  /** A client JWT for one address. */
  sign(audience: string): Promise<string>;
  stop(): Promise<void>;
}

/** @param dicomWeb WADO-RS root that the records' Endpoint names */
export async function startHospital(cases: readonly SandboxCase[], dicomWeb: string): Promise<Hospital> {
  const app = Fastify();
  const tokens = createAccessTokens();
  const seen = { tokens: new Set<string>(), urls: [] as string[] };
  app.addHook('onRequest', async (request) => {
    seen.urls.push(request.url);
    if (request.headers.authorization !== undefined) seen.tokens.add(request.headers.authorization);
  });
  const address = { base: '' };
  const ready = {
    store: null as ReturnType<typeof createFhirStore> | null,
    key: null as Awaited<ReturnType<typeof createSigningKey>> | null,
  };
  app.get('/jwks.json', () => ready.key?.jwks);
  await app.register(
    async (scope) => {
      fhirRoutes(scope, {
        store: {
          get: (one) => ready.store!.get(one),
          create: (type, resource) => ready.store!.create(type, resource),
          warm: () => ready.store!.warm(),
        },
        tokens,
        rule: 'required',
        base: '/fhir',
      });
    },
    { prefix: '/fhir' },
  );
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as { port: number };
  address.base = `http://127.0.0.1:${port}`;
  const issuer = `${address.base}/auth`;
  const jwksUrl = `${address.base}/jwks.json`;
  const fhirServer = `${address.base}/fhir`;
  ready.store = createFhirStore(
    chartRecords(cases, {
      base: address.base,
      fhirServer,
      dicomWeb: { normal: dicomWeb, slow: dicomWeb, foreign: 'https://pacs.elsewhere.example/dicom-web' },
      issuer,
      jwksUrl,
    }),
  );
  await ready.store.warm();
  const key = await createSigningKey(issuer, jwksUrl);
  ready.key = key;

  const openChart: Hospital['openChart'] = async (base, patientId, more = {}) => {
    const url = `${base}/cds-services/imaging-assessment`;
    const token = tokens.issue({ patientId, scope: 'patient/*.rs' });
    const started = performance.now();
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await key.sign(url)}` },
      body: JSON.stringify({
        hook: 'patient-view',
        hookInstance: randomUUID(),
        fhirServer,
        fhirAuthorization: {
          access_token: token,
          token_type: 'Bearer',
          expires_in: 300,
          scope: 'patient/*.rs',
          subject: 'fovea',
        },
        context: { userId: 'Practitioner/1', patientId },
        ...more,
      }),
    });
    const body = (await answer.json()) as {
      cards?: WireCard[];
      issue?: { details: { coding: { code: string }[] } }[];
    };
    return {
      status: answer.status,
      cards: body.cards ?? [],
      outcome: body.issue?.[0]?.details.coding[0]?.code ?? null,
      milliseconds: performance.now() - started,
    };
  };

  return {
    fhirServer,
    seen,
    writeConfig(file, imagingServer, more = {}) {
      const loopback = ['127.0.0.0/8'];
      const { origin, pathname } = new URL(imagingServer);
      writeFileSync(
        file,
        JSON.stringify({
          providers: ['cpu'],
          tenants: [
            {
              id: 'hospital',
              name: 'Hospital',
              clients: [{ issuer, jwksUrls: [{ base: jwksUrl, addresses: loopback }] }],
              fhirServers: [{ base: fhirServer, addresses: loopback }],
              imagingServers: [{ base: `${origin}${pathname}`, addresses: loopback }],
              lookbackDays: 36500,
              quietSeconds: 0,
              showLow: true,
              ...more,
            },
          ],
        }),
      );
    },
    openChart,
    async settled(base, patientId) {
      for (let tries = 0; tries < 80; tries++) {
        const { status, cards } = await openChart(base, patientId);
        // On a busy machine the first answer of the FHIR server may come after the deadline of the call.
        if (status === 200 && cards.every((card) => stateOf(card) !== 'pending')) return cards;
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      throw new Error('still pending after 20 s');
    },
    sign: (audience) => key.sign(audience),
    async stop() {
      await app.close();
    },
  };
}
