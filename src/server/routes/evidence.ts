import type { FastifyInstance } from 'fastify';
import type { Explanation, GateResult } from '#core/assessment';
import { ServiceError } from '#core/error';
import type { FinalResult } from '#core/hook-tools';
import { percent, percentRange } from '#core/shares';
import { type Html, html, page, pageHeaders } from '../html.ts';

/** What the evidence page shows of one stored assessment. */
export interface EvidenceView {
  readonly result: FinalResult | null;
  /** Why there is no result, when there is none. */
  readonly reason: { readonly code: string; readonly text: string; readonly help: string } | null;
  readonly gates: readonly GateResult[];
  readonly explanations: readonly Explanation[];
  /** Address of the rendered image, relative to this page; null when there is none. */
  readonly image: string | null;
  readonly provider: string | null;
}

/**
 * `GET /evidence/{assessment}`: the evidence behind a card. Mounted in the sandbox only: without a signed-in app a
 * bare address must never show a patient's result.
 */
export function evidenceRoutes(
  app: FastifyInstance,
  evidence: (id: string) => Promise<EvidenceView | null>,
): void {
  app.get<{ Params: { id: string } }>('/evidence/:id', async (request, reply) => {
    const view = await evidence(request.params.id);
    if (view === null) throw new ServiceError('NOT_FOUND');
    return reply.headers(pageHeaders).send(page('Evidence of an assessment', evidenceBody(view)));
  });
}

function evidenceBody(view: EvidenceView): Html {
  return html`<h1>Evidence of an assessment</h1>
<p class="soft">Sandbox only: generated pictures of invented patients.</p>
${view.result === null ? silent(view) : spoken(view.result, view)}
<h2>Checks that had to pass before the model may speak</h2>
<table>${view.gates.map(
    (gate) =>
      html`<tr><th scope="row">${gate.gate}</th><td>${gate.passed === null ? 'skipped' : gate.passed ? 'passed' : 'refused'}: ${gate.detail}</td></tr>`,
  )}</table>
${view.result === null ? html`` : html`<h2>Model</h2><p>${view.result.model.title}: ${view.result.model.name} ${view.result.model.version}${view.provider === null ? '' : `, run on ${view.provider}`}. Made for ${view.result.model.population}. Use: ${view.result.model.use}.</p>`}`;
}

function silent(view: EvidenceView): Html {
  const image =
    view.image === null
      ? html``
      : html`<figure><span class="picture"><img src="${view.image}" alt="The image of this study"></span></figure>`;
  return html`<p class="notice"><strong>No result.</strong> ${view.reason === null ? '' : `${view.reason.text} ${view.reason.help} (${view.reason.code})`} Where the model abstains there is no explanation either.</p>${image}`;
}

function spoken(result: FinalResult, view: EvidenceView): Html {
  return html`${result.findings.map((finding) => {
    const explanation = view.explanations.find((one) => one.finding === finding.name);
    return html`
<h2>${finding.label}</h2>
<p class="figure">${percent(finding.probability)} <span class="soft">(${percentRange(finding.interval)}: calibration uncertainty, n = ${finding.calibration.n} images of ${finding.calibration.patients} patients)</span>, ${finding.band}</p>
<p>At a share of ${percent(finding.prevalence.value)} among the examined (${finding.prevalence.source === 'tenant' ? 'this site’s' : 'the calibration set’s'}).</p>
${explanation === undefined || view.image === null ? html`` : pictures(explanation, view.image, finding.zones)}
<p class="soft">${finding.limits.join(' ')}</p>`;
  })}`;
}

function pictures(explanation: Explanation, image: string, zones: readonly string[]): Html {
  const [rows, columns] = explanation.grid;
  const strongest = Math.max(...explanation.values, 1e-9);
  const cells = explanation.values.map((value, index) => {
    const share = Math.max(0, value) / strongest;
    return html`<rect x="${index % columns}" y="${Math.floor(index / columns)}" width="1.02" height="1.02" fill="#f28e1c" fill-opacity="${(share * 0.6).toFixed(3)}"/>`;
  });
  return html`<div class="pair">
<figure><span class="picture"><img src="${image}" alt="The image as stored"></span><figcaption>The image.</figcaption></figure>
<figure><span class="picture"><img src="${image}" alt=""><svg viewBox="0 0 ${columns} ${rows}" preserveAspectRatio="none" role="img" aria-label="Where the image weighs most: ${zones.length > 0 ? zones.join(', ') : 'nowhere in particular'}">${cells}</svg></span>
<figcaption>The same with the model’s class activation, ${rows} × ${columns} cells of ${explanation.cellPixels} pixels of the model’s input: darker orange weighs more towards the finding. It explains the model’s number, not the disease.${zones.length > 0 ? ` Strongest: ${zones.join(', ')}.` : ''}</figcaption></figure>
</div>`;
}
