import '@fontsource-variable/inter';
import './styles/base.css';
import './styles/controls.css';
import './styles/shell.css';
import './styles/timeline.css';
import './styles/evidence.css';
import './styles/plots.css';
import './styles/answers.css';
import './styles/media.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';

const root = document.getElementById('root');
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
