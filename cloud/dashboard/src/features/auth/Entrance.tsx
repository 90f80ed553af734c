/** The frame of the pages that somebody sees before they are signed in, as `signInForm` draws it, for those that React draws. */
import './entrance.css';
import type { JSX, ReactNode, SyntheticEvent } from 'react';
import { ShoalMark } from '../../kit/icons';

interface Props {
  title: string;
  text: string;
  onSubmit: () => void;
  children: ReactNode;
}

export function Entrance({ title, text, onSubmit, children }: Props): JSX.Element {
  return (
    <main className="entrance">
      <form
        className="entrance-form"
        onSubmit={(event: SyntheticEvent) => {
          event.preventDefault();
          onSubmit();
        }}
      >
        <div className="entrance-mark">
          <span className="entrance-fish">
            <ShoalMark size="2.5rem" />
          </span>
          <span>Shoal</span>
        </div>
        <div>
          <h1>{title}</h1>
          <p className="entrance-text">{text}</p>
        </div>
        {children}
      </form>
    </main>
  );
}
