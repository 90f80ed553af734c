/** A file that is checked first, with every fault by its place, and taken whole or not at all. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useMutation, useQueryClient, type QueryKey, type UseMutationResult } from '@tanstack/react-query';
import { useState, type JSX, type ReactNode } from 'react';
import { t } from '../i18n';
import { ChooseFile } from './ChooseFile';
import { UploadIcon } from './icons';
import { Table, type Column } from './Table';

export interface FileImporting<T> {
  readonly file: { readonly name: string; readonly text: string } | null;
  readonly check: UseMutationResult<T, Error, string>;
  readonly take: UseMutationResult<T, Error, string>;
  readonly error: Error | null;
  readonly choose: (file: File) => Promise<void>;
  /** Forget the file: what it is read as has changed. */
  readonly reset: () => void;
}

/** `send` has a text checked, or taken in; what is under `changes` is then asked for again. */
export function useFileImport<T>(
  send: (text: string, dryRun: boolean) => Promise<T>,
  changes: QueryKey,
): FileImporting<T> {
  const client = useQueryClient();
  const [file, setFile] = useState<{ name: string; text: string } | null>(null);
  const check = useMutation({ mutationFn: (text: string) => send(text, true) });
  const take = useMutation({
    mutationFn: (text: string) => send(text, false),
    onSuccess: () => client.invalidateQueries({ queryKey: changes }),
  });
  return {
    file,
    check,
    take,
    error: check.error ?? take.error,
    choose: async (chosen) => {
      const text = await chosen.text();
      setFile({ name: chosen.name, text });
      take.reset();
      check.mutate(text);
    },
    reset: () => {
      setFile(null);
      check.reset();
      take.reset();
    },
  };
}

interface Props<T, F> {
  importing: FileImporting<T>;
  text: string;
  accept: string;
  testId: string;
  /** What is chosen before the file: stands before its button. */
  children: ReactNode;
  /** What is wrong with the file, by place; none: it can be taken. */
  faults: readonly F[];
  faultsTold: string;
  faultColumns: readonly Column<F>[];
  fine: (checked: T) => string;
  done: (taken: T) => string;
}

export function FileImport<T, F>({
  importing: { file, check, take, error, choose },
  text,
  accept,
  testId,
  children,
  faults,
  faultsTold,
  faultColumns,
  fine,
  done,
}: Props<T, F>): JSX.Element {
  return (
    <Box sx={{ display: 'grid', gap: 2, maxWidth: '60rem' }}>
      <Typography color="textSecondary">{text}</Typography>
      <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1.5, alignItems: 'center' }}>
        {children}
        <ChooseFile
          label={t('import.choose')}
          accept={accept}
          testId={`${testId}-file`}
          icon={<UploadIcon />}
          onChoose={(chosen) => void choose(chosen)}
        />
      </Box>
      {file !== null && <Typography>{file.name}</Typography>}
      {check.isPending && <Typography role="status">{t('import.checking')}</Typography>}
      {faults.length > 0 ? (
        <Box data-testid={`${testId}-faults`}>
          <Alert severity="error" sx={{ mb: 1 }}>
            {faultsTold}
          </Alert>
          <Table
            label={t('import.faults_title')}
            rows={faults}
            rowKey={(fault) => JSON.stringify(fault)}
            columns={faultColumns}
          />
        </Box>
      ) : (
        error !== null && <Alert severity="error">{error.message}</Alert>
      )}
      {faults.length === 0 && check.data !== undefined && take.data === undefined && file !== null && (
        <Alert
          severity="info"
          action={
            <Button color="inherit" disabled={take.isPending} onClick={() => take.mutate(file.text)}>
              {t('import.take')}
            </Button>
          }
        >
          {fine(check.data)}
        </Alert>
      )}
      {take.data !== undefined && (
        <Alert severity="success" data-testid="taken">
          {done(take.data)}
        </Alert>
      )}
    </Box>
  );
}
