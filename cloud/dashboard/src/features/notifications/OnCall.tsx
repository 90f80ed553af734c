/** Who is called: contacts, shifts, ladders, and whether the way to each person is proven. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { addContact, alarmPath, removeContact, testAlarmPath } from '../../api/endpoints';
import { t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { AskForm } from '../../kit/AskForm';
import { Card } from '../../kit/Card';
import { CheckIcon, CloseIcon } from '../../kit/icons';
import { RowButton } from '../../kit/RowButton';
import { Table } from '../../kit/Table';
import { farmDateTime } from '../../kit/time';
import { useMay } from '../auth/useMay';
import { Ladders } from './Ladders';
import { useContacts } from './queries';
import { Shifts } from './Shifts';

export function OnCall({ site, timezone }: { site: string; timezone: string }): JSX.Element {
  return (
    <Box sx={{ display: 'grid', gap: 2 }}>
      <Contacts />
      <Shifts site={site} />
      <Ladders site={site} />
      <Path site={site} timezone={timezone} />
    </Box>
  );
}

function Contacts(): JSX.Element {
  const query = useContacts();
  const client = useQueryClient();
  const manager = useMay('farm_manager');
  const remove = useMutation({
    mutationFn: removeContact,
    onSettled: () => client.invalidateQueries({ queryKey: ['contacts'] }),
  });
  return (
    <Card title={t('oncall.contacts')}>
      <Answer query={query}>
        {(all) =>
          all.length === 0 ? (
            <Alert severity="warning">{t('oncall.no_contacts')}</Alert>
          ) : (
            <Table
              label={t('oncall.contacts')}
              rows={all}
              rowKey={(each) => each.id}
              columns={[
                { head: t('oncall.name'), cell: (each) => each.name },
                { head: t('login.email'), cell: (each) => each.email ?? '–' },
                { head: t('oncall.phone'), cell: (each) => each.phone ?? '–' },
                {
                  head: '',
                  cell: (each) =>
                    manager && (
                      <RowButton
                        action={t('oncall.remove')}
                        of={each.name}
                        disabled={remove.isPending}
                        onClick={() => remove.mutate(each.id)}
                      />
                    ),
                },
              ]}
            />
          )
        }
      </Answer>
      {remove.error !== null && <Alert severity="error">{remove.error.message}</Alert>}
      {manager && <NewContactForm />}
    </Card>
  );
}

function NewContactForm(): JSX.Element {
  const client = useQueryClient();
  const [name, setName] = useState('');
  const [email, setEmail] = useState('');
  const [phone, setPhone] = useState('');
  const add = useMutation({
    mutationFn: () =>
      addContact({
        name: name.trim(),
        email: email.trim() === '' ? null : email.trim(),
        phone: phone.trim() === '' ? null : phone.replace(/\s/g, ''),
      }),
    onSuccess: async () => {
      setName('');
      setEmail('');
      setPhone('');
      await client.invalidateQueries({ queryKey: ['contacts'] });
    },
  });
  return (
    <>
      <AskForm
        action={t('oncall.add')}
        disabled={add.isPending}
        error={add.error}
        onSubmit={() => add.mutate()}
      >
        <TextField
          label={t('oncall.name')}
          required
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <TextField
          label={t('login.email')}
          type="email"
          value={email}
          onChange={(event) => setEmail(event.target.value)}
        />
        <TextField
          label={t('oncall.phone')}
          type="tel"
          placeholder="+4712345678"
          value={phone}
          onChange={(event) => setPhone(event.target.value)}
        />
      </AskForm>
    </>
  );
}

function Path({ site, timezone }: { site: string; timezone: string }): JSX.Element {
  const client = useQueryClient();
  const query = useQuery({
    queryKey: ['alarm path', site],
    queryFn: ({ signal }) => alarmPath(site, signal),
    refetchInterval: 30_000,
  });
  const manager = useMay('farm_manager');
  const test = useMutation({
    mutationFn: () => testAlarmPath(site),
    onSuccess: () => client.invalidateQueries({ queryKey: ['alarm path'] }),
  });
  return (
    <Card title={t('oncall.path')}>
      <Typography variant="body2" color="textSecondary" sx={{ mb: 1 }}>
        {t('oncall.path_text')}
      </Typography>
      <Answer query={query}>
        {({ proofs }) => (
          <Table
            label={t('oncall.path')}
            rows={proofs}
            rowKey={(each) => `${each.contact} ${each.channel}`}
            empty={t('oncall.no_proof')}
            columns={[
              { head: t('oncall.name'), cell: (each) => each.contact },
              { head: t('oncall.way'), cell: (each) => t(`channel.${each.channel}`) },
              {
                head: t('oncall.tested'),
                cell: (each) => farmDateTime(Date.parse(each.tested_at), timezone),
              },
              {
                head: t('oncall.proven'),
                cell: (each) => (
                  <Box sx={{ display: 'flex', gap: 1, alignItems: 'center' }}>
                    {each.proven ? <CheckIcon /> : <CloseIcon />}
                    {each.proven ? t('oncall.yes') : t('oncall.no')}
                  </Box>
                ),
              },
            ]}
          />
        )}
      </Answer>
      {manager && (
        <Button
          variant="outlined"
          color="inherit"
          disabled={test.isPending}
          onClick={() => test.mutate()}
          sx={{ mt: 1.5 }}
        >
          {t('oncall.test')}
        </Button>
      )}
      {test.data !== undefined && (
        <Alert severity="info" sx={{ mt: 1 }}>
          {t('oncall.planned', { n: test.data.planned })}
        </Alert>
      )}
      {test.error !== null && <Alert severity="error">{test.error.message}</Alert>}
    </Card>
  );
}
