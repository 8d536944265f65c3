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
  return id === undefined ? null : decodeURIComponent(id);
}

export function addressOfPatient(id: string): string {
  return `#/patients/${encodeURIComponent(id)}`;
}
