/**
 * Whether a launch may search one type of resource, by the scopes that the EHR granted: v1 `.read`, v2 with `s`.
 * @see SMART App Launch 2.2 §Scopes for requesting FHIR Resources
 */
export function maySearch(scopes: readonly string[], type: string): boolean {
  return scopes.some((scope) => {
    const [, of, rights = ''] = /^(?:patient|user)\/(\*|[A-Za-z]+)\.(\*|[a-z]+)(?:\?.*)?$/.exec(scope) ?? [];
    return (of === '*' || of === type) && (rights === 'read' || rights === '*' || /^c?r?u?d?s$/.test(rights));
  });
}
