/**
 * A canvas that follows its time: built once for its look, fed on every frame with the rows that are in sight. Hand, wheel and keys move
 * it at once; whoever loads the data is told a few times a second where it is.
 */
import Box from '@mui/material/Box';
import { useTheme } from '@mui/material/styles';
import { useEffect, useRef, type JSX, type KeyboardEvent } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { dateNames, drawMarkers, remPx } from './look';
import type { Marker } from './markers';
import { movable } from './panning';
import type { Zoom } from './queries';
import { bounded, moved, resized, runsOut } from './window';

export type PlotOptions = Omit<
  uPlot.Options,
  'width' | 'height' | 'tzDate' | 'fmtDate' | 'legend' | 'cursor'
>;

interface Props {
  /** What it shows, for who does not see it. */
  label: string;
  testId: string;
  /** Rem. */
  height?: number;
  timezone: string;
  /** What is asked to be shown. */
  view: Zoom;
  /** What there are data of. */
  loaded: Zoom;
  /** Milliseconds by which the server's clock is ahead of this computer's. */
  skewMs: number;
  /** The look; another look builds the chart anew, so it is told by `lookOf` only when `lookKey` changes. */
  lookOf: (rem: number) => PlotOptions;
  lookKey: readonly unknown[];
  /** Rows of a window, at most about so many. */
  rows: (window: Zoom, atMost: number) => uPlot.AlignedData;
  /** Drawn over the lines; others are drawn at the next frame. */
  markers?: readonly Marker[];
  onZoom: (zoom: Zoom) => void;
}

/** Height of a chart, rem. */
export const CHART_REM = 12.5;

const NONE: readonly Marker[] = [];
/** While a hand moves the chart, more is asked for no more often. */
const ASK_EVERY_MS = 300;
/** Rows for each pixel of width: enough that no peak between two pixels is lost. */
const ROWS_PER_PX = 2;
const LEAST_ZOOM_PX = 8;

interface Present {
  view: Zoom;
  loaded: Zoom;
  rows: Props['rows'];
  onZoom: (zoom: Zoom) => void;
  skewMs: number;
  markers: readonly Marker[];
}

export function Plot(props: Props): JSX.Element {
  const { label, testId, height = CHART_REM, timezone, lookOf, lookKey } = props;
  const { view, loaded, rows, onZoom, skewMs, markers = NONE } = props;
  const theme = useTheme();
  const holder = useRef<HTMLDivElement>(null);
  const present = useRef<Present>({ view, loaded, rows, onZoom, skewMs, markers });
  const follow = useRef<Follower | null>(null);

  useEffect(() => {
    const box = holder.current;
    if (box === null) return undefined;
    const rem = remPx();
    const look = lookOf(rem);
    const mark = (chart: uPlot): void => drawMarkers(chart, present.current.markers, theme, rem);
    const hooks = { ...look.hooks, draw: [...(look.hooks?.draw ?? []), mark] };
    const follower = new Follower(box, { ...look, hooks }, timezone, present);
    follow.current = follower;
    return () => {
      follow.current = null;
      follower.end();
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the look is what its key says
  }, [timezone, ...lookKey]);

  useEffect(() => {
    present.current = { view, loaded, rows, onZoom, skewMs, markers };
    follow.current?.fed();
  }, [view, loaded, rows, onZoom, skewMs, markers]);

  function press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = KEYS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    onZoom(bounded(step(follow.current?.window() ?? view), Date.now() + skewMs));
  }

  return (
    <Box
      ref={holder}
      role="group"
      tabIndex={0}
      aria-label={label}
      aria-keyshortcuts="ArrowLeft ArrowRight + -"
      data-testid={testId}
      onKeyDown={press}
      sx={{
        height: `${height}rem`,
        '& .u-over': { cursor: 'crosshair' },
        '& .u-select': { background: 'rgba(124, 196, 232, 0.18)' },
      }}
    />
  );
}

const KEYS: Readonly<Record<string, (window: Zoom) => Zoom>> = {
  ArrowLeft: (window) => moved(window, (window.startMs - window.endMs) / 4),
  ArrowRight: (window) => moved(window, (window.endMs - window.startMs) / 4),
  '+': (window) => resized(window, 0.5, (window.startMs + window.endMs) / 2),
  '-': (window) => resized(window, 2, (window.startMs + window.endMs) / 2),
};

/** The chart between two frames. */
class Follower {
  private readonly chart: uPlot;
  private readonly observer: ResizeObserver;
  /** Where a hand has the chart; null while nobody moves it and it shows what was asked. */
  private held: Zoom | null = null;
  private frame = 0;
  private askedAt = 0;

  constructor(
    private readonly box: HTMLElement,
    options: PlotOptions,
    timezone: string,
    private readonly present: { current: Present },
  ) {
    const size = (): { width: number; height: number } => ({
      width: box.clientWidth,
      height: box.clientHeight,
    });
    const names = dateNames();
    const complete: uPlot.Options = {
      ...options,
      ...size(),
      fmtDate: (template) => uPlot.fmtDate(template, names),
      tzDate: (atS) => uPlot.tzDate(new Date(atS * 1000), timezone),
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false },
        points: { size: 8 },
        sync: { key: 'unit' },
      },
      scales: {
        ...options.scales,
        x: {
          range: () => {
            const { startMs, endMs } = this.window();
            return [startMs / 1000, endMs / 1000];
          },
        },
      },
      hooks: {
        ...options.hooks,
        ready: [
          (chart) =>
            movable(chart, {
              window: () => this.window(),
              show: (window) => this.show(window),
              rest: () => this.rest(),
              nowMs: () => this.nowMs(),
            }),
        ],
        setSelect: [(chart) => this.marked(chart)],
      },
    };
    this.chart = new uPlot(complete, this.rows(), box);
    this.observer = new ResizeObserver(() => {
      this.chart.setSize(size());
      this.drawSoon();
    });
    this.observer.observe(box);
  }

  window(): Zoom {
    return this.held ?? this.present.current.view;
  }

  /** New data, or another window was asked for; a hand on the chart goes before. */
  fed(): void {
    this.drawSoon();
  }

  end(): void {
    cancelAnimationFrame(this.frame);
    this.observer.disconnect();
    this.chart.destroy();
  }

  private nowMs(): number {
    return Date.now() + this.present.current.skewMs;
  }

  private show(window: Zoom): void {
    this.held = window;
    this.drawSoon();
    const { loaded, onZoom } = this.present.current;
    const at = performance.now();
    if (at - this.askedAt < ASK_EVERY_MS || !runsOut(window, loaded, this.nowMs())) return;
    this.askedAt = at;
    onZoom(window);
  }

  private rest(): void {
    const window = this.held;
    if (window === null) return;
    this.present.current.onZoom(window);
    // From here on the chart shows what is asked, which is this very window.
    this.present.current = { ...this.present.current, view: window };
    this.held = null;
  }

  private drawSoon(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      const { startMs, endMs } = this.window();
      this.chart.batch(() => {
        this.chart.setData(this.rows(), false);
        this.chart.setScale('x', { min: startMs / 1000, max: endMs / 1000 });
      });
    });
  }

  private rows(): uPlot.AlignedData {
    return this.present.current.rows(this.window(), Math.max(400, this.box.clientWidth * ROWS_PER_PX));
  }

  /** A part that was drawn over with the pointer, unless it was only a touch. */
  private marked(chart: uPlot): void {
    const { left, width } = chart.select;
    if (width < LEAST_ZOOM_PX) return;
    const at = (x: number): number => chart.posToVal(x, 'x') * 1000;
    this.present.current.onZoom({ startMs: at(left), endMs: at(left + width) });
    chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }
}
