/** Boxes that people name together; rollouts go to groups. */
import Button from '@mui/material/Button';
import Box from '@mui/material/Box';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { deleteDeviceGroup, setDeviceGroup } from '../../api/endpoints';
import type { DeviceGroup } from '../../api/types';
import { t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { Confirm } from '../../kit/Confirm';
import { FormDialog } from '../../kit/FormDialog';
import { PlusIcon } from '../../kit/icons';
import { Table } from '../../kit/Table';
import { namesOf } from './fleet';
import { useGroups } from './fleetQueries';

const SLUG = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const MEMBER = /^[a-z0-9_-]{1,63}\/[a-z0-9_-]{1,63}$/;

export function GroupsPart(): JSX.Element {
  const [changing, setChanging] = useState<DeviceGroup | 'new' | null>(null);
  const [leaving, setLeaving] = useState<DeviceGroup | null>(null);
  const query = useGroups();
  const client = useQueryClient();
  const forget = useMutation({
    mutationFn: deleteDeviceGroup,
    onSuccess: () => setLeaving(null),
    onSettled: () => client.invalidateQueries({ queryKey: ['devices'] }),
  });
  return (
    <>
      <Box sx={{ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: 1.5, mb: 1.5 }}>
        <Typography variant="body2" color="textSecondary" sx={{ flex: '1 1 14rem' }}>
          {t('fleet.groups_text')}
        </Typography>
        <Button variant="outlined" startIcon={<PlusIcon />} onClick={() => setChanging('new')}>
          {t('fleet.new_group')}
        </Button>
      </Box>
      <Answer
        query={query}
        empty={{
          when: (all) => all.length === 0,
          title: t('fleet.no_groups'),
          text: t('fleet.no_groups_text'),
        }}
      >
        {(all) => (
          <Card>
            <Table
              label={t('fleet.groups')}
              rows={all}
              rowKey={(group) => group.name}
              columns={[
                { head: t('fleet.group'), cell: (group) => <b>{group.name}</b> },
                { head: t('fleet.note'), cell: (group) => group.note || '–' },
                { head: t('fleet.members'), cell: (group) => group.devices.join(', ') || '–' },
                { head: t('fleet.made_by'), cell: (group) => group.created_by },
                {
                  head: '',
                  cell: (group) => (
                    <>
                      <Button color="inherit" onClick={() => setChanging(group)}>
                        {t('fleet.change_group', { name: group.name })}
                      </Button>
                      <Button color="inherit" onClick={() => setLeaving(group)}>
                        {t('fleet.delete_group', { name: group.name })}
                      </Button>
                    </>
                  ),
                },
              ]}
            />
          </Card>
        )}
      </Answer>
      {changing !== null && (
        <GroupDialog {...(changing === 'new' ? {} : { group: changing })} onClose={() => setChanging(null)} />
      )}
      {leaving !== null && (
        <Confirm
          title={t('fleet.delete_group', { name: leaving.name })}
          text={t('fleet.delete_text')}
          action={t('fleet.delete')}
          pending={forget.isPending}
          error={forget.error}
          onDo={() => forget.mutate(leaving.name)}
          onClose={() => setLeaving(null)}
        />
      )}
    </>
  );
}

function GroupDialog({ group, onClose }: { group?: DeviceGroup; onClose: () => void }): JSX.Element {
  const [name, setName] = useState(group?.name ?? '');
  const [note, setNote] = useState(group?.note ?? '');
  const [members, setMembers] = useState(group?.devices.join('\n') ?? '');
  const client = useQueryClient();
  const devices = namesOf(members);
  const wrong = devices.filter((each) => !MEMBER.test(each));
  const save = useMutation({
    mutationFn: () => setDeviceGroup(name, note, devices),
    onSuccess: onClose,
    onSettled: () => client.invalidateQueries({ queryKey: ['devices'] }),
  });
  return (
    <FormDialog
      title={group === undefined ? t('fleet.new_group') : t('fleet.change_group', { name: group.name })}
      action={t('fleet.save')}
      disabled={!SLUG.test(name) || wrong.length > 0 || save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
      onClose={onClose}
      width="sm"
    >
      <TextField
        label={t('fleet.group')}
        required
        autoFocus={group === undefined}
        disabled={group !== undefined}
        value={name}
        error={name !== '' && !SLUG.test(name)}
        helperText={t('fleet.group_form')}
        onChange={(event) => setName(event.target.value.trim())}
        sx={{ mt: 1 }}
      />
      <TextField
        label={t('fleet.note')}
        value={note}
        onChange={(event) => setNote(event.target.value)}
        slotProps={{ htmlInput: { maxLength: 500 } }}
      />
      <TextField
        label={t('fleet.members')}
        multiline
        minRows={3}
        maxRows={10}
        value={members}
        error={wrong.length > 0}
        helperText={wrong.length > 0 ? wrong.join(', ') : t('fleet.members_text')}
        onChange={(event) => setMembers(event.target.value)}
      />
    </FormDialog>
  );
}
