/**
 * A sound for critical and major alarms that nobody has acknowledged, for those who asked for it on this computer. Browsers let a
 * page speak only after a person has touched it, so the switch itself plays the first tone.
 */
import { useEffect, useSyncExternalStore } from 'react';
import type { Alarm } from '../../api/types';

const KEY = 'shoal.sound';
const REPEAT_MS = 10_000;
const listeners = new Set<() => void>();
let wanted = read();
let speaker: AudioContext | null = null;

/** Whether the person wants to hear alarms here. */
export function useSoundWanted(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => wanted,
  );
}

export function setSoundWanted(next: boolean): void {
  wanted = next;
  try {
    localStorage.setItem(KEY, next ? 'on' : 'off');
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
  if (next) play('major');
  for (const listener of listeners) listener();
}

/** What should be heard now, or null for silence. */
export function toneOf(
  alarms: readonly Pick<Alarm, 'active' | 'acknowledged' | 'severity' | 'shelved_until' | 'suppressed_by'>[],
): 'critical' | 'major' | null {
  const calling = alarms.filter(
    (alarm) =>
      alarm.active && !alarm.acknowledged && alarm.shelved_until === null && alarm.suppressed_by === null,
  );
  if (calling.some((alarm) => alarm.severity === 'critical')) return 'critical';
  return calling.some((alarm) => alarm.severity === 'major') ? 'major' : null;
}

/** Sound as long as an alarm calls and the person wants to hear it. */
export function useAlarmSound(alarms: Parameters<typeof toneOf>[0]): void {
  const on = useSoundWanted();
  const tone = on ? toneOf(alarms) : null;
  useEffect(() => {
    if (tone === null) return undefined;
    play(tone);
    const timer = setInterval(() => play(tone), REPEAT_MS);
    return () => clearInterval(timer);
  }, [tone]);
}

/** Three rising tones for critical, two level ones for major: told apart without looking. */
function play(tone: 'critical' | 'major'): void {
  try {
    speaker ??= new AudioContext();
    void speaker.resume();
    const pitches = tone === 'critical' ? [660, 830, 1050] : [620, 620];
    for (const [index, pitch] of pitches.entries()) {
      const at = speaker.currentTime + index * 0.22;
      const voice = speaker.createOscillator();
      const volume = speaker.createGain();
      voice.frequency.value = pitch;
      volume.gain.setValueAtTime(0.0001, at);
      volume.gain.exponentialRampToValueAtTime(0.35, at + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.2);
      voice.connect(volume).connect(speaker.destination);
      voice.start(at);
      voice.stop(at + 0.21);
    }
  } catch {
    // No audio device: the alarm is still on the screen, and calls by other ways.
  }
}

function read(): boolean {
  try {
    return localStorage.getItem(KEY) === 'on';
  } catch {
    return false;
  }
}
