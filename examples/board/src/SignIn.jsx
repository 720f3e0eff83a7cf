import { useState } from 'react';

import { signIn } from './session.js';

/** The form for signing in, and for creating an account. */
export function SignIn({ onSignedIn }) {
  const [isNew, setIsNew] = useState(false);
  const [notice, setNotice] = useState('');

  const submit = async (form) => {
    try {
      onSignedIn(await signIn(Object.fromEntries(new FormData(form)), isNew));
    } catch ({ message }) {
      setNotice(message);
    }
  };

  return (
    <form className="sign-in" onSubmit={(event) => (event.preventDefault(), submit(event.currentTarget))}>
      <h1>Taskwire board</h1>
      {isNew && (
        <label>
          Name
          <input name="fullName" autoComplete="name" required />
        </label>
      )}
      <label>
        E-mail address
        <input name="email" type="email" autoComplete="username" required />
      </label>
      <label>
        Password
        <input name="password" type="password" autoComplete={isNew ? 'new-password' : 'current-password'} required />
      </label>
      <button>{isNew ? 'Create account' : 'Sign in'}</button>
      <button type="button" className="plain" onClick={() => setIsNew(!isNew)}>
        {isNew ? 'I have an account' : 'I need an account'}
      </button>
      <p className="notice" role="alert">
        {notice}
      </p>
    </form>
  );
}
