/** A frame with boxes over it: drawn, moved, sized and chosen by pointer, finger or key. Without `onStep` it is a picture alone. */
import MuiBox from '@mui/material/Box';
import { useRef, useState, type JSX, type PointerEvent } from 'react';
import { t } from '../../i18n';
import {
  between,
  CORNERS,
  moved,
  resized,
  type Box,
  type Corner,
  type LabelledBox,
  type Point,
} from './boxes';
import type { Step } from './draft';

interface Props {
  url: string;
  alt: string;
  width: number;
  height: number;
  boxes: readonly LabelledBox[];
  selected?: number | null;
  classes: readonly string[];
  zoom?: number;
  onStep?: (step: Step) => void;
}

type Drag =
  | { kind: 'draw'; from: Point; to: Point }
  | { kind: 'move'; index: number; from: Point; box: Box; now: Box }
  | { kind: 'size'; index: number; corner: Corner; box: Box; now: Box };

/** Classes are told apart by the pattern of the line too, never by colour alone; the name stands on every box. */
const LINES = ['solid', 'dashed', 'dotted', 'double'] as const;
const COLORS = ['#ffe066', '#7fe3ff', '#ffb3d9', '#b8f59a', '#ffc38a', '#d3c2ff'] as const;

export function BoxEditor(props: Props): JSX.Element {
  const { url, alt, width, height, boxes, selected = null, classes, zoom = 1, onStep } = props;
  const plane = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<Drag | null>(null);
  const [failed, setFailed] = useState<string | null>(null);

  function pointOf(event: PointerEvent): Point {
    const area = plane.current?.getBoundingClientRect();
    if (area === undefined) return { x: 0, y: 0 };
    return { x: (event.clientX - area.left) / area.width, y: (event.clientY - area.top) / area.height };
  }

  function begin(event: PointerEvent, next: Drag): void {
    if (onStep === undefined || event.button !== 0) return;
    event.stopPropagation();
    plane.current?.setPointerCapture(event.pointerId);
    setDrag(next);
  }

  function go(event: PointerEvent): void {
    if (drag === null) return;
    const to = pointOf(event);
    if (drag.kind === 'draw') setDrag({ ...drag, to });
    else if (drag.kind === 'move') {
      setDrag({ ...drag, now: moved(drag.box, to.x - drag.from.x, to.y - drag.from.y) });
    } else setDrag({ ...drag, now: resized(drag.box, drag.corner, to) });
  }

  function end(): void {
    if (drag === null || onStep === undefined) return;
    if (drag.kind === 'draw') {
      const box = between(drag.from, drag.to);
      onStep(box === null ? { do: 'select', index: null } : { do: 'add', box });
    } else if (drag.now !== drag.box) onStep({ do: 'place', index: drag.index, box: drag.now });
    setDrag(null);
  }

  const drawn = drag?.kind === 'draw' ? between(drag.from, drag.to) : null;
  return (
    <MuiBox sx={{ overflow: 'auto', maxHeight: '72vh', bgcolor: '#05090c', borderRadius: '0.5rem' }}>
      <MuiBox
        ref={plane}
        data-testid="box-plane"
        onPointerDown={(event) => {
          const from = pointOf(event);
          begin(event, { kind: 'draw', from, to: from });
        }}
        onPointerMove={go}
        onPointerUp={end}
        onPointerCancel={() => setDrag(null)}
        sx={{
          position: 'relative',
          width: zoom === 1 ? `min(100%, calc(72vh * ${width / height}))` : `${zoom * 100}%`,
          mx: 'auto',
          aspectRatio: `${width} / ${height}`,
          cursor: onStep === undefined ? 'default' : 'crosshair',
          touchAction: onStep === undefined ? 'auto' : 'none',
          userSelect: 'none',
        }}
      >
        {failed === url ? (
          <MuiBox sx={{ color: '#d7dfe6', p: 3 }}>{t('images.failed')}</MuiBox>
        ) : (
          <MuiBox
            component="img"
            src={url}
            alt={alt}
            draggable={false}
            data-testid="label-image"
            onError={() => setFailed(url)}
            sx={{ display: 'block', width: '100%', height: '100%', pointerEvents: 'none' }}
          />
        )}
        {boxes.map((each, index) => (
          <Shape
            key={index}
            name={t('labels.box', { n: index + 1, label: each.label })}
            label={each.label}
            box={
              (drag?.kind === 'move' || drag?.kind === 'size') && drag.index === index ? drag.now : each.box
            }
            order={classes.indexOf(each.label)}
            chosen={selected === index}
            editable={onStep !== undefined}
            onChoose={() => onStep?.({ do: 'select', index })}
            onMove={(event) => {
              onStep?.({ do: 'select', index });
              begin(event, { kind: 'move', index, from: pointOf(event), box: each.box, now: each.box });
            }}
            onSize={(event, corner) =>
              begin(event, { kind: 'size', index, corner, box: each.box, now: each.box })
            }
          />
        ))}
        {drawn !== null && <MuiBox style={placed(drawn)} sx={{ border: '2px dashed #fff' }} />}
      </MuiBox>
    </MuiBox>
  );
}

interface ShapeProps {
  name: string;
  label: string;
  box: Box;
  order: number;
  chosen: boolean;
  editable: boolean;
  onChoose: () => void;
  onMove: (event: PointerEvent) => void;
  onSize: (event: PointerEvent, corner: Corner) => void;
}

function Shape({
  name,
  label,
  box,
  order,
  chosen,
  editable,
  onChoose,
  onMove,
  onSize,
}: ShapeProps): JSX.Element {
  const color = order < 0 ? '#ff8f87' : COLORS[order % COLORS.length];
  const line = order < 0 ? 'dotted' : LINES[order % LINES.length];
  return (
    <MuiBox
      data-testid="label-box"
      data-label={label}
      {...(editable
        ? { role: 'button', tabIndex: 0, 'aria-pressed': chosen, 'aria-label': name, onFocus: onChoose }
        : {})}
      onPointerDown={onMove}
      style={placed(box)}
      sx={{
        border: `2px ${line} ${color}`,
        outline: chosen ? '2px solid #fff' : '1px solid rgba(0, 0, 0, 0.55)',
        outlineOffset: chosen ? '1px' : 0,
        bgcolor: chosen ? 'rgba(255, 255, 255, 0.12)' : 'transparent',
        cursor: editable ? 'move' : 'default',
        pointerEvents: editable ? 'auto' : 'none',
        zIndex: chosen ? 2 : 1,
      }}
    >
      <MuiBox
        component="span"
        sx={{
          position: 'absolute',
          left: '-2px',
          bottom: '100%',
          px: 0.5,
          bgcolor: 'rgba(5, 10, 14, 0.8)',
          color,
          fontSize: '0.75rem',
          fontWeight: 650,
          lineHeight: 1.3,
          whiteSpace: 'nowrap',
          pointerEvents: 'none',
        }}
      >
        {label}
      </MuiBox>
      {chosen &&
        editable &&
        CORNERS.map((corner) => (
          <MuiBox
            key={corner}
            aria-hidden="true"
            data-testid={`handle-${corner}`}
            onPointerDown={(event) => onSize(event, corner)}
            sx={handleSx(corner)}
          />
        ))}
    </MuiBox>
  );
}

/** A style and no class: every place of a box that is moved would be a rule of the page, for as long as it is open. */
function placed({ x, y, w, h }: Box) {
  return {
    position: 'absolute',
    left: `${x * 100}%`,
    top: `${y * 100}%`,
    width: `${w * 100}%`,
    height: `${h * 100}%`,
  } as const;
}

/** Small to the eye, large to a finger. */
function handleSx(corner: Corner) {
  return {
    position: 'absolute',
    width: '2rem',
    height: '2rem',
    [corner.startsWith('n') ? 'top' : 'bottom']: '-1rem',
    [corner.endsWith('w') ? 'left' : 'right']: '-1rem',
    cursor: corner === 'nw' || corner === 'se' ? 'nwse-resize' : 'nesw-resize',
    touchAction: 'none',
    display: 'grid',
    placeItems: 'center',
    '&::after': {
      content: '""',
      width: '0.625rem',
      height: '0.625rem',
      borderRadius: '50%',
      background: '#fff',
      boxShadow: '0 0 0 2px #05090c',
    },
  } as const;
}
