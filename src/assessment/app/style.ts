import { findAllowed } from '#auth/outbound-hosts';
import type { AppStyle } from '#core/app';
import type { AppSession } from '#core/app-ports';
import { asServiceError, ServiceError } from '#core/error';
import type { AllowedOrigin } from '#core/tenant';
import { createCache } from './cache.ts';
import type { AppParts } from './parts.ts';

/** Reads the style of a session's EHR; null without one, and for one that cannot be read. */
export type ReadStyle = (session: AppSession) => Promise<AppStyle | null>;

/** How long a style is kept, milliseconds, and how long its fetch may take. */
const keptMs = 600_000;
const timeoutMs = 3_000;
const mostBytes = 64 * 1024;

/**
 * The `smart_style_url` of a launch, from the origins of the EHR's registration alone; each value is checked, because
 * the app puts it into its own page. @see SMART App Launch 2.2 §Styling
 */
export function createStyles({ outbound, log }: Pick<AppParts, 'outbound' | 'log'>): ReadStyle {
  const styles = createCache<AppStyle>(64, keptMs);

  const read = async (url: string, allowed: readonly AllowedOrigin[]): Promise<AppStyle> => {
    const { status, body } = await outbound({
      url,
      allowed,
      headers: { accept: 'application/json' },
      timeoutMs,
      idleTimeoutMs: timeoutMs,
      maxBytes: mostBytes,
    });
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    if (status !== 200) throw new ServiceError('SMART_SERVER_INVALID', { detail: 'It gives no style.' });
    try {
      return styleOf(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    } catch (cause) {
      throw new ServiceError('SMART_SERVER_INVALID', { detail: 'Its style is not JSON.', cause });
    }
  };

  return async (session) => {
    const url = session.grant.styleUrl;
    if (url === null) return null;
    try {
      const allowed = originsOf(session);
      if (findAllowed(url, allowed) === null) throw new ServiceError('HOST_NOT_ALLOWED');
      return await styles.get(JSON.stringify([session.tenant.id, url]), () => read(url, allowed));
    } catch (error) {
      const { code } = asServiceError(error);
      if (code === 'INTERNAL') throw error;
      log.warn({ event: 'app-style-unread', tenant: session.tenant.id, code });
      return null;
    }
  };
}

/** The whole origins of the FHIR server and of the authorization servers. */
function originsOf({ tenant, fhirServer }: AppSession): readonly AllowedOrigin[] {
  const registration = tenant.smart.find(({ iss }) => iss === fhirServer);
  const fhir = findAllowed(fhirServer, tenant.fhirServers);
  return [...(registration?.authorizationServers ?? []), ...(fhir === null ? [] : [fhir.entry])].map(
    ({ base, addresses }) => ({
      base: new URL(base).origin,
      ...(addresses !== undefined && { addresses }),
    }),
  );
}

function styleOf(value: unknown): AppStyle {
  const style = (typeof value === 'object' && value !== null ? value : {}) as Readonly<
    Record<string, unknown>
  >;
  return {
    backgroundColor: colour(style['color_background']),
    errorColor: colour(style['color_error']),
    highlightColor: colour(style['color_highlight']),
    modalBackdropColor: colour(style['color_modal_backdrop']),
    successColor: colour(style['color_success']),
    textColor: colour(style['color_text']),
    borderRadiusPixels: pixels(style['dim_border_radius']),
    bodyFontFamily: fonts(style['font_family_body']),
    headingFontFamily: fonts(style['font_family_heading']),
  };
}

/** `#rgb` and `#rrggbb` as `#rrggbb`. */
function colour(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const text = value.trim().toLowerCase();
  if (/^#[0-9a-f]{6}$/.test(text)) return text;
  return /^#[0-9a-f]{3}$/.test(text) ? text.replace(/[0-9a-f]/g, '$&$&') : null;
}

/** `6px`, at most 64. */
function pixels(value: unknown): number | null {
  const match = typeof value === 'string' ? /^\s*(\d{1,2}(?:\.\d{1,3})?)px\s*$/.exec(value) : null;
  const size = match === null ? Number.NaN : Number(match[1]);
  return size <= 64 ? size : null;
}

/** A list of family names: letters, digits, spaces, quotes, commas and hyphens. */
function fonts(value: unknown): string | null {
  return typeof value === 'string' && /^[A-Za-z0-9 ,'"-]{1,200}$/.test(value) ? value : null;
}
