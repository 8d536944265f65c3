import type { FastifyInstance } from 'fastify';
import { refuseOtherMethods } from '#cds/methods';
import { ServiceError } from '#core/error';
import {
  type SourceAttribute,
  sourceAttributeDefinitions,
  sourceAttributeVocabulary,
} from '#core/source-attributes';
import { html, page, pageHeaders } from '../html.ts';

/** One deployed model's record. */
export interface SourceAttributeRecord {
  readonly model: string;
  readonly version: string;
  readonly title: string;
  readonly use: string;
  /** SHA-256 of the file that holds the record. */
  readonly digest: string;
  readonly attributes: Readonly<Record<string, SourceAttribute>>;
}

/**
 * `GET /cds-services/{id}/source-attributes`: the 31 source attributes of every model that the service speaks for,
 * as JSON, or as a page where the reader asks for HTML. `?model=` and `?version=` narrow it.
 *
 * @see 45 CFR 170.315(b)(11)(iv)(B)
 */
export function sourceAttributeRoutes(
  app: FastifyInstance,
  services: readonly string[],
  records: () => readonly SourceAttributeRecord[],
): void {
  const url = '/cds-services/:id/source-attributes';
  refuseOtherMethods(app, url, 'get');
  app.get<{ Params: { id: string }; Querystring: { model?: string; version?: string } }>(
    url,
    async (request, reply) => {
      if (!services.includes(request.params.id)) throw new ServiceError('SERVICE_NOT_FOUND');
      const { model, version } = request.query;
      const found = records().filter(
        (record) =>
          (model === undefined || record.model === model) &&
          (version === undefined || record.version === version),
      );
      if (model !== undefined && found.length === 0) throw new ServiceError('MODEL_NOT_FOUND');
      reply.header('vary', 'accept');
      if ((request.headers.accept ?? '').includes('text/html')) {
        return reply.headers(pageHeaders).send(attributesPage(found));
      }
      return reply.header('cache-control', 'no-cache').send({
        service: request.params.id,
        vocabulary: sourceAttributeVocabulary,
        models: found.map((record) => ({
          model: record.model,
          version: record.version,
          use: record.use,
          digest: record.digest,
          attributes: sourceAttributeDefinitions.map((definition) => ({
            key: definition.key,
            clause: definition.clause,
            name: definition.name,
            ...record.attributes[definition.key],
          })),
        })),
      });
    },
  );
}

function attributesPage(records: readonly SourceAttributeRecord[]): string {
  const sections = records.map(
    (record) => html`
<h2>${record.title}</h2>
<p class="soft">${record.model} ${record.version}, use: ${record.use}. Record sha256 ${record.digest.slice(0, 16)}…</p>
<table>
${sourceAttributeDefinitions.map((definition) => {
  const attribute = record.attributes[definition.key];
  // A missing one says itself that and why it is not available.
  const text = attribute?.text ?? 'Not available.';
  return html`<tr><th scope="row">${definition.name}<span class="soft">${definition.clause}</span></th><td>${text}</td></tr>`;
})}
</table>`,
  );
  return page(
    'Source attributes',
    html`<h1>About the models: source attributes</h1>
<p class="soft">The 31 attributes that 45 CFR 170.315(b)(11)(iv)(B) names for predictive decision support (vocabulary ${sourceAttributeVocabulary}).</p>
${sections}`,
  );
}
