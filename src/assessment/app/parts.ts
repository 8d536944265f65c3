import type { AppSession } from '#core/app-ports';
import type { Log } from '#core/log';
import type { OutboundFetch } from '#core/outbound';
import type { Answers } from '#store/answers';
import type { Asker, AssessmentParts } from '../patient-assessments.ts';

/** What the app's back end is made of. */
export interface AppParts extends AssessmentParts {
  readonly outbound: OutboundFetch;
  readonly answers: Answers;
  readonly log: Log;
  /** Longest time of one request to an imaging server, milliseconds. */
  readonly fetchTimeoutMs: number;
  /** The tenant whose patients are invented; null outside the sandbox. */
  readonly sandboxTenant: string | null;
}

/** How long a token that was just given still lives at least, milliseconds. */
const leastTokenMs = 30_000;

/** The session as one who asks about studies: jobs may run with its token, and it does not wait. */
export async function askerOf(session: AppSession): Promise<Asker> {
  const token = await session.accessToken();
  return {
    tenant: session.tenant,
    userId: session.user.reference,
    fhirServer: session.fhirServer,
    access: { token, expiresAt: Math.max(session.grant.expiresAt, Date.now() + leastTokenMs) },
    startWaiting: () => AbortSignal.abort(),
  };
}

/** The session in keys of what is kept for it. */
export function sessionKey({ launch, tenant, patientId }: AppSession): string {
  return JSON.stringify([tenant.id, launch, patientId]);
}
