import '@fontsource-variable/inter';
import './styles/base.css';
import './styles/layout.css';
import './styles/imaging.css';
import './styles/exchange.css';
import './styles/cards.css';
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
