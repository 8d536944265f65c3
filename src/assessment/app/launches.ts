import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { AppLaunches, AppSession, PendingLaunch, SmartClient, SmartGrant } from '#core/app-ports';
import { ServiceError } from '#core/error';
import type { Log } from '#core/log';
import type { SmartRegistration, Tenant } from '#core/tenant';
import type { LaunchStore, StoredLaunch } from '#store/app-launches';
import { seal, secretHash, unseal } from './seal.ts';
import { createRenewal, grantOf, lastMoment } from './sign-in.ts';

export interface LaunchParts {
  readonly client: SmartClient;
  readonly store: LaunchStore;
  readonly tenants: readonly Tenant[];
  /** Asked at each launch: without a public address it is known only after listening. */
  readonly redirectUri: () => string;
  readonly log: Log;
  readonly now: () => Date;
}

/** How long a launch waits for the answer of the EHR, milliseconds: somebody may have to sign in there. */
const pendingMs = 600_000;
/** How long the end of a session waits for the EHR to take its tokens back, milliseconds: nobody waits for a slow EHR. */
const revocationMs = 2_000;
/** The last use of a sign-in is written this often at most, milliseconds. */
const touchMs = 5_000;

/**
 * Launches of the SMART app. Each is found by its own id together with the secret of its browser's cookie, so two
 * patients in two tabs never mix, and no id that came into other hands opens anything.
 */
export function createAppLaunches({
  client,
  store,
  tenants,
  redirectUri,
  log,
  now,
}: LaunchParts): AppLaunches {
  const renewal = createRenewal({ client, store, now });

  const look = (browser: string, launch: string) => store.find(secretHash(browser), launch);

  /** A launch of this browser that has not ended. @throws ServiceError NOT_FOUND, SMART_SESSION_ENDED */
  function own(found: Awaited<ReturnType<typeof look>>): StoredLaunch {
    if (found === 'ended') throw new ServiceError('SMART_SESSION_ENDED');
    if (found === 'foreign') log.warn({ event: 'app-access-refused', code: 'NOT_FOUND' });
    if (found === null || found === 'foreign') throw new ServiceError('NOT_FOUND');
    return found;
  }

  const registered = (tenantId: string, iss: string) => registrationOf(tenants, tenantId, iss);

  async function close(browser: string, found: StoredLaunch): Promise<void> {
    await store.end(found.root);
    log.info({ event: 'app-launch-ended', tenant: found.tenant });
    await revoke(found.tenant, found.iss, grantOf(browser, found));
  }

  /** The EHR may still be at it afterwards. */
  const revoke = (tenant: string, iss: string, grant: SmartGrant): Promise<void> =>
    Promise.race([client.revoke(tenant, iss, grant), wait(revocationMs, undefined, { ref: false })]);

  function sessionOf(browser: string, found: StoredLaunch, tenant: Tenant): AppSession {
    const first = grantOf(browser, found);
    const of = found.root === found.id ? first : grantOfPatient(browser, found, first);
    let grant = first;
    const { accessToken: _access, refreshToken: _refresh, ...told } = of;
    return {
      launch: found.id,
      tenant,
      fhirServer: found.iss,
      user: { name: null, reference: first.fhirUser ?? '' },
      patientId: of.patient,
      grant: told,
      expiresAt: endOf(found, now()),
      async accessToken() {
        if (!renewal.lives(grant)) grant = await renewal.fresh(browser, found.root);
        return grant.accessToken;
      },
    };
  }

  return {
    async begin({ browser, iss, launch, context }) {
      const { authorize, pending } = await client.begin({ iss, launch, context, redirectUri: redirectUri() });
      const found = registered(pending.tenant, pending.iss);
      if (found === null) throw new ServiceError('SMART_ISS_NOT_ALLOWED');
      const id = randomUUID();
      await store.addPending(
        {
          id,
          browserHash: secretHash(browser),
          stateHash: secretHash(pending.state),
          tenant: pending.tenant,
          iss: pending.iss,
          sealed: seal(browser, id, pending),
          idleSeconds: found.registration.idleSeconds,
          expires: new Date(now().getTime() + pendingMs),
        },
        now(),
      );
      return authorize;
    },

    async finish(browser, answer) {
      const { state } = answer;
      const taken =
        state === undefined ? null : await store.takePending(secretHash(browser), secretHash(state), now());
      if (taken === null) throw new ServiceError('SMART_STATE_INVALID');
      const pending = unseal(browser, taken.id, taken.sealed) as PendingLaunch;
      const found = registered(pending.tenant, pending.iss);
      if (found === null) throw new ServiceError('SMART_ISS_NOT_ALLOWED');
      const grant = await client.finish(pending, answer);
      if (grant.fhirUser === null) {
        await revoke(pending.tenant, pending.iss, grant);
        throw new ServiceError('SMART_LAUNCH_REFUSED', {
          detail: 'It does not tell who is signed in (fhirUser), and results are shown to clinicians only.',
        });
      }
      const id = randomUUID();
      await store.addOpen({
        id,
        browserHash: secretHash(browser),
        tenant: pending.tenant,
        iss: pending.iss,
        sealed: seal(browser, id, grant),
        idleSeconds: found.registration.idleSeconds,
        expires: lastMoment(grant, now()),
        parent: null,
        seen: now(),
      });
      log.info({ event: 'app-launch-opened', tenant: pending.tenant });
      return id;
    },

    async open(browser, launch) {
      const found = own(await look(browser, launch));
      const time = now();
      const known = registered(found.tenant, found.iss);
      if (known === null || endOf(found, found.seen) <= time) {
        await close(browser, found);
        throw new ServiceError('SMART_SESSION_ENDED');
      }
      if (time.getTime() - found.seen.getTime() > touchMs) await store.touch(found.root, time);
      return sessionOf(browser, found, known.tenant);
    },

    async endsAt(browser, launch) {
      const found = await look(browser, launch);
      if (found === null || found === 'ended' || found === 'foreign') return null;
      const end = endOf(found, found.seen);
      return end <= now() ? null : end;
    },

    async openPatient(session, browser, patientId) {
      const found = own(await look(browser, session.launch));
      if (found.root !== found.id || session.patientId !== null) throw new ServiceError('NOT_FOUND');
      const id = randomUUID();
      await store.addOpen({
        id,
        browserHash: secretHash(browser),
        tenant: found.tenant,
        iss: found.iss,
        sealed: seal(browser, id, { patient: patientId } satisfies PatientOfLaunch),
        idleSeconds: found.idleSeconds,
        expires: found.expires,
        parent: found.root,
        seen: now(),
      });
      return id;
    },

    async end(browser, launch) {
      const found = await look(browser, launch);
      if (found === 'ended') return;
      await close(browser, own(found));
    },
  };
}

/** The tenant and its registration at the EHR; null: the operator took it away. */
export function registrationOf(
  tenants: readonly Tenant[],
  tenantId: string,
  iss: string,
): { readonly tenant: Tenant; readonly registration: SmartRegistration } | null {
  const tenant = tenants.find(({ id }) => id === tenantId);
  const registration = tenant?.smart.find((one) => one.iss === iss);
  return tenant === undefined || registration === undefined ? null : { tenant, registration };
}

/** What is sealed of a launch that uses another's sign-in. */
interface PatientOfLaunch {
  readonly patient: string;
}

/** The grant as it holds for a chart that was opened from the worklist: the EHR shows nothing of that patient. */
function grantOfPatient(browser: string, found: StoredLaunch, grant: SmartGrant): SmartGrant {
  const { patient } = unseal(browser, found.id, found.sealed) as PatientOfLaunch;
  return {
    ...grant,
    patient,
    encounter: null,
    fhirContext: [],
    needPatientBanner: true,
    intent: null,
    appContext: null,
  };
}

/** When a session ends that was last used at `seen`. */
function endOf({ idleSeconds, expires }: StoredLaunch, seen: Date): Date {
  return new Date(Math.min(seen.getTime() + idleSeconds * 1000, expires.getTime()));
}
