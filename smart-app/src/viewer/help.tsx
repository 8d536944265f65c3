import { Button, Dialog, Heading, Modal, ModalOverlay } from 'react-aria-components';
import type { Translate } from '../i18n/translate.ts';
import { keyWords, viewerKeys } from './keys.ts';

/** All keys of the viewer. */
export function Help({ onClose, t }: { readonly onClose: () => void; readonly t: Translate }) {
  return (
    <ModalOverlay
      className="viewer-overlay"
      isOpen
      isDismissable
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
    >
      <Modal className="viewer-modal">
        <Dialog className="viewer-help">
          <Heading slot="title" level={3}>
            {t('viewer.help.title')}
          </Heading>
          <p className="soft">{t('viewer.help.note')}</p>
          <table>
            <thead>
              <tr>
                <th scope="col">{t('viewer.help.key')}</th>
                <th scope="col">{t('viewer.help.does')}</th>
              </tr>
            </thead>
            <tbody>
              {viewerKeys.map(({ id, shown }) => (
                <tr key={id}>
                  <td>
                    <kbd>{shown}</kbd>
                  </td>
                  <td>{t(keyWords(id))}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <p>{t('viewer.length.keys')}</p>
          <p>{t('viewer.help.touch')}</p>
          <Button slot="close">{t('viewer.help.close')}</Button>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
