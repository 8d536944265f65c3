/** `oidc-provider`, loaded when it is first needed. */
export type OidcLibrary = typeof import('oidc-provider');

const runtimeNotice = 'oidc-provider WARNING: Unsupported runtime';

/**
 * Loads the library without its notice on Node 20. Its authors test on Node 22 and later; what the sandbox uses of it
 * is tested here on Node 20, too, and the notice would stand between the lines that a newcomer reads first.
 * Everything else that it has to say is said.
 */
export async function loadOidcLibrary(): Promise<OidcLibrary> {
  const { console } = globalThis;
  const warn = console.warn;
  console.warn = (...said: unknown[]) => {
    if (!String(said[0]).includes(runtimeNotice)) warn.apply(console, said);
  };
  try {
    return await import('oidc-provider');
  } finally {
    console.warn = warn;
  }
}
