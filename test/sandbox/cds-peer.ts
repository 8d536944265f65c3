import Fastify from 'fastify';

/** One call that reached the service. */
export interface PeerCall {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: Record<string, unknown>;
}

/** A small CDS service with fixed cards, which records what the EHR sends. It stands at the other end of the wire. */
export interface CdsPeer {
  base: string;
  readonly calls: PeerCall[];
  /** What the next hook calls are answered with. */
  answer: { status: number; body: unknown; headers?: Record<string, string> };
  /** Answers of this many calls to come before {@link answer}. */
  queue: { status: number; body: unknown }[];
  /** What feedback is answered with. */
  feedbackStatus: number;
  close(): Promise<void>;
}

export const prefetchTemplates = {
  patient: 'Patient/{{context.patientId}}',
  imagingStudies: 'ImagingStudy?patient={{context.patientId}}&_sort=-started&_count=50',
  user: 'Practitioner/{{userPractitionerId}}',
  role: 'PractitionerRole/{{userPractitionerRoleId}}',
};

export const source = {
  label: 'Fovea imaging AI',
  url: 'https://peer.example/',
  topic: { system: 'https://peer.example/topic', code: 'imaging-finding' },
};

const reason = (code: string, display: string) => ({ system: 'https://peer.example/reason', code, display });

/** A card with everything that an EHR has to render. */
export const fullCard = {
  uuid: '6f8e1d0c-52a4-4c37-9a0e-0a5e1b1f3a01',
  summary: 'Chest radiograph, frontal, 20 Nov 2026: pneumonia 87 % (78 to 93 %), elevated – AI, research use',
  indicator: 'info',
  detail: [
    '**Pneumonia: 87 %** (78 to 93 %: calibration uncertainty, n = 512 images of 298 patients), elevated.',
    'In a group where 73 of 100 children have pneumonia, about 87 of 100 with this result have it. That is the share among the images the model was calibrated on; where it is rarer, fewer of them have it.',
    'Where the image weighs most for this: right lower zone.',
    'What it cannot tell: It cannot tell bacterial from viral pneumonia.',
    '| operating point | value |\n| --- | --- |\n| sensitivity | 94 % |\n| specificity | 91 % |',
    '<script>globalThis.broken = true</script> ![tracker](https://peer.example/pixel.png)',
    '**Research use: not cleared as a medical device; not for decisions on care.**',
  ].join('\n\n'),
  source,
  overrideReasons: [
    reason('disagree', 'I read the image differently'),
    reason('known', 'Already known and acted on'),
    reason('not-relevant', 'Not relevant to this visit'),
    reason('wrong-study', 'The study is not suitable (wrong patient, projection or quality)'),
    reason('not-trusted', 'I do not trust this model for this patient'),
  ],
  links: [
    {
      label: 'About the model: its 31 source attributes',
      url: 'https://peer.example/attributes',
      type: 'absolute',
    },
  ],
};

export const warningCard = {
  uuid: '6f8e1d0c-52a4-4c37-9a0e-0a5e1b1f3a02',
  summary: 'Chest radiograph, frontal, 19 Nov 2026: compare with the newer study',
  indicator: 'warning',
  source,
  suggestions: [
    {
      uuid: '6f8e1d0c-52a4-4c37-9a0e-0a5e1b1f3a03',
      label: 'Order a follow-up radiograph',
      isRecommended: true,
      actions: [{ type: 'create', description: 'Chest radiograph in six weeks' }],
    },
  ],
  selectionBehavior: 'at-most-one',
};

export const pendingCard = {
  uuid: '6f8e1d0c-52a4-4c37-9a0e-0a5e1b1f3a04',
  summary: 'Chest radiograph, frontal, 20 Nov 2026: analysis in progress – AI',
  indicator: 'info',
  detail:
    'Being analysed since 14:03 UTC (just now). It usually takes about 4 s. Open the chart again to see the result.',
  source: { ...source, topic: { ...source.topic, code: 'analysis-in-progress' } },
};

export async function startCdsPeer(): Promise<CdsPeer> {
  const app = Fastify({ forceCloseConnections: true });
  const peer: CdsPeer = {
    base: '',
    calls: [],
    answer: { status: 200, body: { cards: [] } },
    queue: [],
    feedbackStatus: 200,
    close: () => app.close(),
  };
  const record = (path: string, authorization: string | undefined, body: unknown) =>
    peer.calls.push({ path, authorization, body: (body ?? {}) as Record<string, unknown> });
  app.get('/cds-services', (request) => {
    record('/cds-services', request.headers.authorization, null);
    const service = { id: 'imaging-assessment', title: 'Imaging assessment', description: 'Fixed cards.' };
    return { services: [{ ...service, hook: 'patient-view', prefetch: prefetchTemplates }] };
  });
  app.get<{ Querystring: { of: string } }>('/frame', (request, reply) =>
    reply
      .type('text/html')
      .send(
        `<link rel="icon" href="data:,"><iframe title="chart" width="780" height="700" src="${request.query.of}"></iframe>`,
      ),
  );
  app.get('/app/launch', (request, reply) =>
    reply
      .type('text/html')
      .send(
        `<!doctype html><html lang="en"><title>App</title><link rel="icon" href="data:,"><main><h1>App</h1><p>${Object.keys(request.query as object).join(' and ')}</p></main>`,
      ),
  );
  app.post('/cds-services/:id', (request, reply) => {
    record(request.url, request.headers.authorization, request.body);
    const { status, body, headers } = { headers: {}, ...(peer.queue.shift() ?? peer.answer) };
    return reply.code(status).headers(headers).send(body);
  });
  app.post('/cds-services/:id/feedback', (request, reply) => {
    record(request.url, request.headers.authorization, request.body);
    return reply.code(peer.feedbackStatus).send();
  });
  const base = await app.listen({ host: '127.0.0.1', port: 0 });
  peer.base = base;
  return peer;
}
