import type { FhirStore } from './fhir-store.ts';

/**
 * Resolves the prefetch templates of a service on the EHR's own record.
 * A template with a token that this EHR does not know is left out, a resource that is not there is null, a query
 * that fails is its OperationOutcome.
 *
 * @param context the hook's context, with `userId`
 * @see CDS Hooks 2.0 §Prefetch Template, §Prefetch Tokens
 */
export async function resolvePrefetch(
  templates: Readonly<Record<string, string>>,
  context: Readonly<Record<string, unknown>>,
  store: FhirStore,
): Promise<Record<string, unknown>> {
  const resolved = await Promise.all(
    Object.entries(templates).map(async ([key, template]) => {
      const path = fill(template, context);
      if (path === null) return null;
      const { status, resource } = await store.get(path);
      return [key, status === 404 || status === 410 ? null : resource] as const;
    }),
  );
  return Object.fromEntries(resolved.filter((one) => one !== null));
}

function fill(template: string, context: Readonly<Record<string, unknown>>): string | null {
  let known = true;
  const path = template.replaceAll(/\{\{\s*([\w.]+)\s*\}\}/g, (_whole, token: string) => {
    const value = tokenValue(token, context);
    if (value === null) known = false;
    return encodeURIComponent(value ?? '');
  });
  return known && !path.includes('{{') ? path : null;
}

function tokenValue(token: string, context: Readonly<Record<string, unknown>>): string | null {
  if (token.startsWith('context.')) {
    const value = context[token.slice('context.'.length)];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
  }
  const [type = '', id] = String(context['userId'] ?? '').split('/');
  return token === `user${type}Id` ? (id ?? null) : null;
}
