import { Button, Group, ToggleButton, ToggleButtonGroup, Toolbar } from 'react-aria-components';
import type { Translate } from '../i18n/translate.ts';
import type { DragTool } from './cornerstone.ts';
import { Icon } from './icons.tsx';
import { type KeyId, shortcut } from './keys.ts';

const drags: readonly DragTool[] = ['window', 'zoom', 'pan', 'scroll', 'length'];
const actions = ['rotate', 'flip', 'invert', 'fit', 'reset', 'erase'] as const;

/** State of the buttons that stay pressed; `null`: the button is not there. */
export interface Pressed {
  readonly flip: boolean;
  readonly invert: boolean;
  readonly map: boolean | null;
  readonly compare: boolean | null;
  readonly together: boolean | null;
}

/** All that can be done to the picture, each with its word and its key. */
export function ViewerToolbar({
  tool,
  onTool,
  disabledTools,
  pressed,
  onDo,
  t,
}: {
  readonly tool: DragTool;
  readonly onTool: (tool: DragTool) => void;
  readonly disabledTools: readonly DragTool[];
  readonly pressed: Pressed;
  readonly onDo: (id: KeyId) => void;
  readonly t: Translate;
}) {
  const toggle = (id: 'flip' | 'invert' | 'map' | 'compare' | 'together') => (
    <ToggleButton
      key={id}
      className="viewer-button"
      isSelected={pressed[id] === true}
      onChange={() => onDo(id)}
      aria-keyshortcuts={shortcut(id)}
    >
      <Icon name={id} />
      <span>{t(`viewer.do.${id}`)}</span>
    </ToggleButton>
  );
  return (
    <Toolbar className="viewer-toolbar" aria-label={t('viewer.tools')}>
      <ToggleButtonGroup
        className="viewer-group"
        aria-label={t('viewer.drag')}
        selectionMode="single"
        disallowEmptySelection
        selectedKeys={[tool]}
        onSelectionChange={(keys) => {
          const [chosen] = keys;
          if (chosen !== undefined) onTool(chosen as DragTool);
        }}
      >
        {drags.map((id) => (
          <ToggleButton
            key={id}
            id={id}
            className="viewer-button"
            isDisabled={disabledTools.includes(id)}
            aria-keyshortcuts={shortcut(id)}
          >
            <Icon name={id} />
            <span>{t(`viewer.tool.${id}`)}</span>
          </ToggleButton>
        ))}
      </ToggleButtonGroup>
      <Group className="viewer-group" aria-label={t('viewer.change')}>
        {actions.map((id) =>
          id === 'flip' || id === 'invert' ? (
            toggle(id)
          ) : (
            <Button
              key={id}
              className="viewer-button"
              onPress={() => onDo(id)}
              aria-keyshortcuts={shortcut(id)}
            >
              <Icon name={id} />
              <span>{t(`viewer.do.${id}`)}</span>
            </Button>
          ),
        )}
      </Group>
      <div className="viewer-group">
        {(['map', 'compare', 'together'] as const).filter((id) => pressed[id] !== null).map(toggle)}
        <Button className="viewer-button" onPress={() => onDo('help')} aria-keyshortcuts="?">
          <Icon name="help" />
          <span>{t('viewer.do.help')}</span>
        </Button>
      </div>
    </Toolbar>
  );
}
