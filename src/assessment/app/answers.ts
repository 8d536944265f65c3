import type { AnswerKind, AppAnswerRequest } from '#core/app';
import type { AppSession, AppTools } from '#core/app-ports';
import { ServiceError } from '#core/error';
import type { Coding } from '#core/imaging';
import type { OpenedAssessment } from '#store/assessments';
import { isUuid } from '#store/keys';
import type { OpenAssessment } from './access.ts';
import { answerReasons } from './answer-reasons.ts';
import type { AppParts } from './parts.ts';
import type { ReadPerson } from './people.ts';
import { answerView } from './study-view.ts';

/** Kinds that are about the whole assessment as well as about one finding; the others need a finding. */
const wholeKinds: readonly AnswerKind[] = ['not-relevant', 'acknowledge'];

/** Characters of a comment. */
const mostComment = 2_000;

const invalid = (detail: string): ServiceError => new ServiceError('INVALID_REQUEST', { detail });

/**
 * What clinicians say of assessments. Access is proved first, by the chart or, without a patient, by the worklist; a
 * repeated key is the same answer.
 */
export function createAnswering(
  parts: AppParts,
  open: OpenAssessment,
  openListed: (session: AppSession, id: string) => Promise<OpenedAssessment>,
  person: ReadPerson,
): Pick<AppTools, 'answer' | 'answerReasons'> {
  return {
    answerReasons: () => answerReasons,
    async answer(session, assessment, request) {
      const listed = session.patientId === null;
      const stored = listed
        ? await openListed(session, assessment)
        : (await open(session, assessment)).stored;
      if (listed && request.kind !== 'acknowledge')
        throw invalid('On the worklist an assessment is acknowledged; open the chart for any other answer.');
      const names = stored.assessment.findings.map(({ name }) => name);
      const { reason, comment } = checked(request, names);
      const { name, role } = await person(session);
      const answer = await parts.answers.add({
        tenant: session.tenant.id,
        key: request.key.toLowerCase(),
        assessmentId: stored.id,
        studyHash: stored.studyHash,
        kind: request.kind,
        finding: request.finding,
        reason,
        outcome: request.outcome,
        comment,
        by: { server: session.fhirServer, reference: session.user.reference, name, role },
      });
      parts.log.info({ event: 'app-answer', tenant: session.tenant.id, state: request.kind });
      return answerView(answer);
    },
  };
}

/** @throws ServiceError INVALID_REQUEST */
function checked(
  { key, kind, finding, reason, outcome, comment }: AppAnswerRequest,
  findings: readonly string[],
): { readonly reason: Coding | null; readonly comment: string | null } {
  if (!isUuid(key)) throw invalid('The key of the answer is not a UUID.');
  if (finding === null && !wholeKinds.includes(kind)) throw invalid('This answer needs a finding.');
  if (finding !== null && !findings.includes(finding)) throw invalid('The assessment has no such finding.');
  if ((kind === 'disagree') !== (reason !== null))
    throw invalid('A reason goes with disagreeing, and with nothing else.');
  const coded = reason === null ? null : (answerReasons.find(({ code }) => code === reason) ?? null);
  if (reason !== null && coded === null) throw invalid('The reason is not one of the list.');
  if ((kind === 'final-diagnosis') !== (outcome !== null))
    throw invalid('An outcome goes with a final diagnosis, and with nothing else.');
  if (comment !== null && [...comment].length > mostComment)
    throw invalid(`A comment has at most ${mostComment} characters.`);
  return { reason: coded, comment: asStored(comment) };
}

/** As typed, without what no database holds (half a character, NUL) and other controls than the line break and tab. */
function asStored(comment: string | null): string | null {
  const plain =
    comment
      ?.replace(/\r\n?/g, '\n')
      .replace(/(?![\n\t])\p{Cc}|\p{Surrogate}/gu, '\ufffd')
      .trim() ?? '';
  return plain === '' ? null : plain;
}
