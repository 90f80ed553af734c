/** One tap says that a model was wrong, and a word what is right; a picture that is kept then leads the label queue. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import { useMutation } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { markWrong, type Fault, type NewMark } from '../../api/labels';
import { t, word } from '../../i18n';
import { useMay } from '../auth/useMay';

const FAULTS: readonly Fault[] = ['missed', 'false', 'wrong_class', 'wrong_count', 'other'];

interface Props {
  subject: NewMark['subject'];
  subjectId: string;
}

export function WrongButton({ subject, subjectId }: Props): JSX.Element | null {
  const mayMark = useMay('operator');
  const [open, setOpen] = useState(false);
  const [right, setRight] = useState('');
  const [note, setNote] = useState('');
  // Said twice over a bad line it is one mark.
  const [key] = useState(() => crypto.randomUUID());
  const mark = useMutation({
    mutationFn: (fault: Fault) =>
      markWrong({ id: key, subject, subjectId, fault, right: right.trim(), note: note.trim() }),
  });
  if (!mayMark) return null;
  if (mark.isSuccess) {
    return (
      <Alert severity="success" variant="outlined" data-testid="marked">
        {t(mark.data.task_id === null ? 'labels.noted' : 'labels.thanks')}
      </Alert>
    );
  }
  if (!open) {
    return (
      <Button variant="outlined" color="inherit" onClick={() => setOpen(true)}>
        {t('labels.wrong')}
      </Button>
    );
  }
  return (
    <Box role="group" aria-label={t('labels.what_wrong')} sx={{ display: 'grid', gap: 1, maxWidth: '40rem' }}>
      <TextField
        label={t('labels.right_answer')}
        value={right}
        size="small"
        helperText={t('labels.right_answer_text')}
        onChange={(event) => setRight(event.target.value)}
        slotProps={{ htmlInput: { maxLength: 64 } }}
      />
      <TextField
        label={t('labels.note')}
        value={note}
        size="small"
        onChange={(event) => setNote(event.target.value)}
        slotProps={{ htmlInput: { maxLength: 1000 } }}
      />
      <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1 }}>
        {FAULTS.map((fault) => (
          <Button key={fault} variant="outlined" disabled={mark.isPending} onClick={() => mark.mutate(fault)}>
            {word('fault', fault)}
          </Button>
        ))}
        <Button color="inherit" onClick={() => setOpen(false)}>
          {t('action.cancel')}
        </Button>
      </Box>
      {mark.isError && <Alert severity="error">{mark.error.message}</Alert>}
    </Box>
  );
}
