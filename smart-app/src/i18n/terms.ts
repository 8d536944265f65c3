import type { AppEvidence, AppStudy } from '#core/app';
import type { ModelFacts } from '#core/hook-tools';
import type { Locale } from './translate.ts';

/**
 * Words of model packages that stand inside of sentences, and the service's reasons to disagree: both are written in
 * English. What is not here stays English.
 */
const spanish: Readonly<Record<string, string>> = {
  pneumonia: 'neumonía',
  children: 'niños',
  adults: 'adultos',
  patients: 'pacientes',
  'children from 1 to under 6 years': 'niños de 1 a menos de 6 años',
  'Pneumonia on the chest radiograph of a young child':
    'Neumonía en la radiografía de tórax de un niño pequeño',
  'central zone': 'zona central',
  // Reasons of a disagreement, as the service words them.
  'I see the finding in the image': 'Veo el hallazgo en la imagen',
  'I do not see the finding in the image': 'No veo el hallazgo en la imagen',
  'What the model points at is something else': 'Lo que el modelo señala es otra cosa',
  'The finding is elsewhere than the map shows': 'El hallazgo está en otro lugar que el que muestra el mapa',
  'The number is too certain, or not certain enough': 'El número es demasiado seguro o no lo bastante seguro',
  'The image is not suitable (projection, quality, patient)':
    'La imagen no es adecuada (proyección, calidad, paciente)',
  'Other findings of the patient speak against it': 'Otros datos del paciente hablan en contra',
};
const known = new Set(Object.values(spanish).map((text) => text.toLowerCase()));

const sides = { right: 'derecha', left: 'izquierda' } as const;
const sidesOfPicture = { right: 'derecho', left: 'izquierdo' } as const;
const levels = { upper: 'superior', mid: 'media', lower: 'inferior' } as const;

/** A word of a package in the language of the page, else as it is. */
export function term(locale: Locale, text: string): string {
  return locale === 'en' ? text : (spanish[text] ?? zone(text) ?? text);
}

/** Whether a text is one of the words above, in whatever case: it is not English then. */
export function isTerm(text: string): boolean {
  return known.has(text.toLowerCase());
}

/** Whether a zone names a side of the picture, as nothing says whose it is. */
export function isOfPicture(zoneName: string): boolean {
  return /^picture’s|de la imagen$/.test(zoneName);
}

/** `right lower zone`, `picture’s left mid zone`, `whole right side`. */
function zone(text: string): string | null {
  const [, ofPicture, whole, side, level] =
    /^(picture’s )?(whole )?(right|left) (?:(upper|mid|lower) zone|side)$/.exec(text) ?? [];
  if (side === undefined) return null;
  const tail = ofPicture === undefined ? '' : ' de la imagen';
  if (whole !== undefined) return `todo el lado ${sidesOfPicture[side as 'left']}${tail}`;
  return level === undefined ? null : `zona ${levels[level as 'mid']} ${sides[side as 'left']}${tail}`;
}

/** A study in the words of the page. */
export function studyIn(locale: Locale, study: AppStudy): AppStudy {
  if (locale === 'en') return study;
  return {
    ...study,
    model: modelIn(locale, study.model),
    findings: study.findings.map((finding) => ({
      ...finding,
      label: term(locale, finding.label),
      zones: finding.zones.map((one) => term(locale, one)),
    })),
  };
}

/** The evidence in the words of the page. */
export function evidenceIn(locale: Locale, evidence: AppEvidence): AppEvidence {
  if (locale === 'en') return evidence;
  return {
    ...evidence,
    study: studyIn(locale, evidence.study),
    model: { ...evidence.model, ...modelIn(locale, evidence.model) },
    findings: evidence.findings.map((finding) => ({
      ...finding,
      explanation: finding.explanation && {
        ...finding.explanation,
        zones: finding.explanation.zones.map((one) => term(locale, one)),
      },
    })),
  };
}

function modelIn(locale: Locale, model: ModelFacts): ModelFacts {
  return {
    ...model,
    title: term(locale, model.title),
    population: term(locale, model.population),
    populationNoun: term(locale, model.populationNoun),
  };
}
