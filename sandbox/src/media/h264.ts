// A minimal H.264 encoder (ITU-T H.264, Constrained Baseline, CAVLC): one intra picture, then pictures that skip every unchanged
// macroblock. Changed ones are I_PCM (raw samples), so there is no prediction or transform. Pure.

/** One picture in 4:2:0: full-size luma and two quarter-size chroma planes, samples in 16..235. */
export interface Picture {
  luma: Uint8Array;
  cb: Uint8Array;
  cr: Uint8Array;
}

export interface FrameSize {
  /** Both multiples of 16. */
  width: number;
  height: number;
  /** Rows cropped at the bottom, an even number. */
  croppedRows: number;
}

const PROFILE_BASELINE = 66;
const CONSTRAINED = 0xc0;
/** Level 3.1: raw samples need its bit rate and buffer; the picture itself would fit 1.3. */
const LEVEL = 31;
const FRAME_NUM_BITS = 8;

export interface ParameterSets {
  sps: Uint8Array;
  pps: Uint8Array;
}

/** Sequence and picture parameter sets as NAL units without start code. */
export function parameterSets(size: FrameSize): ParameterSets {
  const sps = new BitWriter();
  for (const byte of [PROFILE_BASELINE, CONSTRAINED, LEVEL]) sps.bits(byte, 8);
  sps.ue(0); // seq_parameter_set_id
  sps.ue(FRAME_NUM_BITS - 4);
  sps.ue(2); // pic_order_cnt_type: shown in the order of decoding
  sps.ue(1); // max_num_ref_frames
  sps.bits(0, 1); // gaps_in_frame_num_value_allowed_flag
  sps.ue(size.width / 16 - 1);
  sps.ue(size.height / 16 - 1);
  sps.bits(1, 1); // frame_mbs_only_flag
  sps.bits(1, 1); // direct_8x8_inference_flag
  sps.bits(1, 1); // frame_cropping_flag
  for (const offset of [0, 0, 0, size.croppedRows / 2]) sps.ue(offset);
  sps.bits(0, 1); // vui_parameters_present_flag
  sps.stopBit();

  const pps = new BitWriter();
  pps.ue(0); // pic_parameter_set_id
  pps.ue(0); // seq_parameter_set_id
  pps.bits(0, 1); // entropy_coding_mode_flag: CAVLC
  pps.bits(0, 1); // bottom_field_pic_order_in_frame_present_flag
  for (const value of [0, 0, 0]) pps.ue(value); // slice groups, reference indices
  pps.bits(0, 1); // weighted_pred_flag
  pps.bits(0, 2); // weighted_bipred_idc
  for (const value of [0, 0, 0]) pps.ue(value); // se(0): quantisers and chroma offset
  pps.bits(1, 1); // deblocking_filter_control_present_flag
  pps.bits(0, 1); // constrained_intra_pred_flag
  pps.bits(0, 1); // redundant_pic_cnt_present_flag
  pps.stopBit();

  return { sps: nalUnit(0x67, sps.bytes()), pps: nalUnit(0x68, pps.bytes()) };
}

/** The first picture of the stream, whole. */
export function intraPicture(picture: Picture, size: FrameSize): Uint8Array {
  const slice = new BitWriter();
  slice.ue(0); // first_mb_in_slice
  slice.ue(7); // slice_type: all slices I
  slice.ue(0); // pic_parameter_set_id
  slice.bits(0, FRAME_NUM_BITS);
  slice.ue(0); // idr_pic_id
  slice.bits(0, 2); // no_output_of_prior_pics_flag, long_term_reference_flag
  slice.ue(0); // se(0): slice_qp_delta
  slice.ue(1); // disable_deblocking_filter_idc: raw samples stay as they are
  for (let block = 0; block < blockCount(size); block++) {
    slice.ue(25); // mb_type I_PCM in an I slice
    slice.samples(picture, block, size);
  }
  slice.stopBit();
  return nalUnit(0x65, slice.bytes());
}

/** Picture number `n` (from 1): only the macroblocks that differ from the picture before are sent. */
export function changedPicture(n: number, picture: Picture, before: Picture, size: FrameSize): Uint8Array {
  const slice = new BitWriter();
  slice.ue(0); // first_mb_in_slice
  slice.ue(5); // slice_type: all slices P
  slice.ue(0); // pic_parameter_set_id
  slice.bits(n % 2 ** FRAME_NUM_BITS, FRAME_NUM_BITS);
  slice.bits(0, 3); // no override of reference count, no list change, no adaptive marking
  slice.ue(0); // se(0): slice_qp_delta
  slice.ue(1); // disable_deblocking_filter_idc
  let skipped = 0;
  for (let block = 0; block < blockCount(size); block++) {
    if (sameBlock(picture, before, block, size)) {
      skipped++;
      continue;
    }
    slice.ue(skipped); // mb_skip_run
    skipped = 0;
    slice.ue(30); // mb_type I_PCM in a P slice: 5 inter types come first
    slice.samples(picture, block, size);
  }
  if (skipped > 0) slice.ue(skipped);
  slice.stopBit();
  return nalUnit(0x41, slice.bytes());
}

function blockCount(size: FrameSize): number {
  return (size.width / 16) * (size.height / 16);
}

/** The three sample rectangles of a macroblock: plane, its width, left, top and side length. */
function rectangles(picture: Picture, block: number, size: FrameSize): [Uint8Array, number, number, number, number][] {
  const column = block % (size.width / 16);
  const row = Math.floor(block / (size.width / 16));
  return [
    [picture.luma, size.width, column * 16, row * 16, 16],
    [picture.cb, size.width / 2, column * 8, row * 8, 8],
    [picture.cr, size.width / 2, column * 8, row * 8, 8],
  ];
}

function sameBlock(picture: Picture, before: Picture, block: number, size: FrameSize): boolean {
  const old = rectangles(before, block, size);
  return rectangles(picture, block, size).every(([plane, width, left, top, side], i) => {
    const oldPlane = old[i]?.[0];
    if (!oldPlane) return false;
    for (let y = top; y < top + side; y++) {
      for (let i = y * width + left; i < y * width + left + side; i++) {
        if (plane[i] !== oldPlane[i]) return false;
      }
    }
    return true;
  });
}

/** Header byte, then the payload with 03 after every two zeros that a start code could be read from. */
function nalUnit(header: number, payload: Uint8Array): Uint8Array {
  const unit = [header];
  let zeros = 0;
  for (const byte of payload) {
    if (zeros >= 2 && byte <= 3) {
      unit.push(3);
      zeros = 0;
    }
    unit.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return Uint8Array.from(unit);
}

/** Bits, most significant first, with the codes of H.264 section 9.1. */
class BitWriter {
  #bytes: number[] = [];
  #last = 0;
  #used = 0;

  bits(value: number, count: number): void {
    for (let bit = count - 1; bit >= 0; bit--) {
      this.#last = (this.#last << 1) | ((value >>> bit) & 1);
      if (++this.#used === 8) {
        this.#bytes.push(this.#last);
        this.#last = 0;
        this.#used = 0;
      }
    }
  }

  /** Unsigned Exp-Golomb code. Zero has the same code when signed. */
  ue(value: number): void {
    const length = 32 - Math.clz32(value + 1);
    this.bits(0, length - 1);
    this.bits(value + 1, length);
  }

  /** The raw samples of one macroblock, from a byte boundary on. */
  samples(picture: Picture, block: number, size: FrameSize): void {
    if (this.#used > 0) this.bits(0, 8 - this.#used);
    for (const [plane, width, left, top, side] of rectangles(picture, block, size)) {
      for (let y = top; y < top + side; y++) {
        for (let x = left; x < left + side; x++) this.#bytes.push(plane[y * width + x] ?? 0);
      }
    }
  }

  stopBit(): void {
    this.bits(1, 1);
    if (this.#used > 0) this.bits(0, 8 - this.#used);
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}
