// @ts-check
// Words for cues: what is done to clips, and what a unit is called that follows the one or the other?

/** @type {Record<string, string>} */
export const CHANGES = {
  "as it is": "Nothing is taken away.",
  frozen: "One of its frames throughout, and no motion: appearance alone. The mean over several of its frames.",
  shuffled: "Its frames in random order, each with the motion that started from it. The mean over several orders.",
  reversed: "Played backward.",
  "other texture": "Another clip's still frame, moved as this clip moves: motion alone.",
  "own texture": "Its own still frame, moved as it moves: what the moving of a still costs by itself.",
  "other still": "Another clip's still frame, without motion: neither.",
  "frames blank": "The frames are the mean colour; flow is left.",
  "flow blank": "The flow is zero; frames are left.",
  "both blank": "The mean colour, and no flow.",
  "frames swapped": "Another clip's frames beside this clip's flow.",
  "flow swapped": "Another clip's flow beside this clip's frames.",
};

/** @type {Record<string, {name: string, says: string}>} */
export const kindWords = {
  static: {name: "Static", says: "it follows what clips look like, however they move"},
  dynamic: {name: "Dynamic", says: "it follows how clips move, whatever they look like"},
  joint: {name: "Joint", says: "it follows neither look nor motion alone, but both together"},
  none: {name: "Neither", says: "it follows not even a still of the clip that moves as the clip does"},
  silent: {name: "Silent", says: "it answers the same to all these clips"},
};
