import type { SmartRegistration } from '#core/tenant';
import { styleSource } from '../../html.ts';

/**
 * Headers of every page of the app. Scripts, styles and calls are this origin's own; nothing in a page is run or styled
 * but what its files say, WebAssembly excepted. The house style of error pages is named by its digest.
 *
 * @param registrations of the EHRs whose pages may show this page in a frame; none: no page may
 */
export function appPageHeaders(
  registrations: readonly SmartRegistration[],
): Readonly<Record<string, string>> {
  const ancestors = unique(registrations.flatMap(({ frameAncestors }) => frameAncestors));
  const authorization = unique(
    registrations.flatMap(({ authorizationServers }) =>
      authorizationServers.map(({ base }) => new URL(base).origin),
    ),
  );
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': [
      "default-src 'none'",
      "script-src 'self' 'wasm-unsafe-eval'",
      "worker-src 'self'",
      `style-src 'self' ${styleSource}`,
      "img-src 'self' data: blob:",
      "font-src 'self'",
      "connect-src 'self'",
      "base-uri 'none'",
      ['form-action', "'self'", ...authorization].join(' '),
      ['frame-ancestors', ...(ancestors.length > 0 ? ancestors : ["'none'"])].join(' '),
    ].join('; '),
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'permissions-policy':
      'accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()',
    'x-content-type-options': 'nosniff',
  };
}

/** Of the files that the pages load. A worker has the policy of its own file. */
export const assetHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

function unique(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}
