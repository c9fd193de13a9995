/** Who has signed in, and the form to sign in. */
import { Button, Dialog } from "@graphiql/react";
import { type FormEvent, useState, useSyncExternalStore } from "react";
import { endSession, openSession, sessionStore } from "./session.js";

function SignInForm({ onDone }: { readonly onDone: () => void }) {
  const [refusal, setRefusal] = useState<string | null>(null);
  const [isSending, setSending] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setRefusal(null);
    setSending(true);
    const message = await openSession(String(form.get("email")), String(form.get("password"))).catch(
      (error: Error) => `Postern cannot be reached. ${error.message}`,
    );
    setSending(false);
    if (message === null) onDone();
    else setRefusal(message);
  }

  return (
    <form className="sign-in" onSubmit={submit}>
      <label>
        E-mail
        <input name="email" type="text" inputMode="email" autoComplete="username" required />
      </label>
      <label>
        Password
        <input name="password" type="password" autoComplete="current-password" required />
      </label>
      <p role="alert">{refusal}</p>
      <Button type="submit" disabled={isSending}>
        Sign in
      </Button>
    </form>
  );
}

export function Account() {
  const { session, notice } = useSyncExternalStore(sessionStore.subscribe, sessionStore.snapshot);
  const [isOpen, setOpen] = useState(false);

  if (session) {
    return (
      <div className="account">
        <span className="who" title={`${session.email}, ${session.role}`}>
          <span className="email">{session.email}</span> <strong>{session.role}</strong>
        </span>
        <Button onClick={endSession}>Sign out</Button>
      </div>
    );
  }
  return (
    <div className="account">
      <span className="notice" role="status">
        {notice}
      </span>
      <Button onClick={() => setOpen(true)}>Sign in</Button>
      <Dialog open={isOpen} onOpenChange={setOpen}>
        <div className="graphiql-dialog-header">
          <Dialog.Title className="graphiql-dialog-title">Sign in to Postern</Dialog.Title>
        </div>
        <div className="graphiql-dialog-section">
          <SignInForm onDone={() => setOpen(false)} />
        </div>
        <Dialog.Close />
      </Dialog>
    </div>
  );
}
