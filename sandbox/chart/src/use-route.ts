import { useEffect, useState } from 'react';

/** The patient that the address names: `#/patients/<id>`; null where it names none. */
export function useRoutedPatient(): string | null {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const read = () => setHash(location.hash);
    addEventListener('hashchange', read);
    return () => removeEventListener('hashchange', read);
  }, []);
  const id = /^#\/patients\/([^/]+)$/.exec(hash)?.[1];
  return id === undefined ? null : decoded(id);
}

/** An id that is no percent-encoding stays as it is written: no chart is found under it, and the page says so. */
function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

export function addressOfPatient(id: string): string {
  return `#/patients/${encodeURIComponent(id)}`;
}
