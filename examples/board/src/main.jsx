import { ApolloProvider } from '@apollo/client/react';
import { StrictMode, useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';

import { Board } from './Board.jsx';
import { SignIn } from './SignIn.jsx';
import { createClient } from './client.js';
import { forget, restore } from './session.js';

import './board.css';

function App() {
  const [session, setSession] = useState(restore);
  const [isLive, setIsLive] = useState(false);
  const client = useMemo(() => session && createClient(session, setIsLive), [session]);
  if (!client) return <SignIn onSignedIn={setSession} />;
  const leave = () => {
    client.stop();
    forget();
    setSession(null);
  };
  return (
    <ApolloProvider client={client}>
      <Board isLive={isLive} leave={leave} />
    </ApolloProvider>
  );
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
