import type { OperationOutcome } from '@medplum/fhirtypes';
import type { FastifyReply } from 'fastify';

/** An OperationOutcome with one issue. @param code of http://hl7.org/fhir/issue-type */
export function outcomeOf(code: OperationOutcome['issue'][number]['code'], text: string): OperationOutcome {
  return { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code, details: { text } }] };
}

/** Answers a FHIR resource. */
export function sendFhir(reply: FastifyReply, status: number, resource: unknown): FastifyReply {
  return reply
    .code(status)
    .header('content-type', 'application/fhir+json; charset=utf-8')
    .send(JSON.stringify(resource));
}
