import { useEffect, useState } from 'react';
import { useWords } from '../session.tsx';

/** Says that the browser has no connection, and when it is back. */
export function ConnectionNotice() {
  const { t } = useWords();
  const [online, setOnline] = useState(navigator.onLine);
  const [wasOffline, setWasOffline] = useState(false);
  useEffect(() => {
    const up = () => setOnline(true);
    const down = () => {
      setOnline(false);
      setWasOffline(true);
    };
    addEventListener('online', up);
    addEventListener('offline', down);
    return () => {
      removeEventListener('online', up);
      removeEventListener('offline', down);
    };
  }, []);
  return (
    <div role="status">
      {!online && (
        <p className="strip warning">
          <strong>{t('connection.offline')}</strong> {t('connection.offlineHelp')}
        </p>
      )}
      {online && wasOffline && <p className="hidden">{t('connection.back')}</p>}
    </div>
  );
}
