/** The model that is called where the model does not matter. */
export const MODEL = "fal-ai/flux/schnell";
