// The words of the theory: sliders, figures, formulas and what they leave out.

export const SLIDERS = {
  "Steps: lookahead reasoning": [
    { key: "alpha1", symbol: "α₁", name: "drafted steps accepted", min: 0, max: 1, step: 0.01, value: 0.55 },
    { key: "cost1", symbol: "c₁", name: "draft’s time over target’s, a step", min: 0.02, max: 1.5, step: 0.01, value: 0.2 },
    { key: "steps", symbol: "k₁", name: "steps ahead", min: 1, max: 16, step: 1, value: 5 },
  ],
  "Tokens: speculative decoding": [
    { key: "alpha2", symbol: "α₂", name: "proposed tokens accepted", min: 0, max: 1, step: 0.01, value: 0.6 },
    { key: "cost2", symbol: "c₂", name: "proposer’s time over target’s, a token", min: 0.005, max: 1, step: 0.005, value: 0.05 },
    { key: "tokens", symbol: "k₂", name: "tokens ahead", min: 1, max: 16, step: 1, value: 3 },
  ],
  "Parallel budget": [{ key: "budget", symbol: "M", name: "sequences the target does at once", min: 1, max: 64, step: 1, value: 16 }],
};

export const FIGURES = [
  { key: "steps", title: "Looking further ahead in steps", hint: "Speedup against k₁. Dotted: over the budget M." },
  { key: "tokens", title: "The ceiling of SD alone", hint: "Speedup against k₂. More tokens ahead soon stop paying; steps go through the ceiling." },
  { key: "map", title: "The best k₁ and k₂ under M", hint: "Speedup of LR+SD. Empty: more than M sequences at once." },
  {
    key: "acceptance", title: "Published: LR and its acceptance", hint: "Points: published. Line: the formula for your c₁ at k₁ = 6.",
    source: "Published: arXiv 2506.19830, Table 1. 8×H100, target on two, judge of 7B, temperature 0.6. A point for each benchmark; c₁ is not published.",
  },
  {
    key: "products", title: "Published: do the gains multiply?", hint: "Points: published LR+SD against LR × SD. Line: the formula.",
    source: "Published: arXiv 2506.19830, Table 1; n-gram speculation of 8 tokens. LR+SD came to 0.875 to 0.99 of the product.",
  },
];

export const FORMULAS = [
  "SD: $g(k_2) = \\frac{1-\\alpha_2^{k_2}}{(1-\\alpha_2)(1-c_2+c_2 k_2)}$",
  "LR, synchronous: $f(k_1) = \\frac{1-\\alpha_1^{k_1}}{(1-\\alpha_1)(1-c_1+c_1 k_1)}$",
  "LR, asynchronous, far enough ahead ($k_1 \\ge \\lceil 1/c_1 \\rceil$): $f = \\frac{1}{c_1+(1-c_1)(1-\\alpha_1)}$",
  "LR, asynchronous, less far: $f(k_1) = \\frac{1-\\alpha_1^{k_1}}{(1-\\alpha_1)+c_1[\\alpha_1-\\alpha_1^{k_1+1}-k_1(1-\\alpha_1)\\alpha_1^{k_1}]}$",
  "LR+SD: $f(k_1) \\cdot g(k_2)$, while $P k_2 \\le M$. $P$ sequences are in flight: $k_1$, or asynchronously at most $\\lceil 1/c_1 \\rceil$.",
];

export const LEFT_OUT = [
  "**The verifier is free.** A real judge takes time for every step; until it has spoken, the window does not slide.",
  "**All steps are equally long.** In a real batch, a short step waits for the longest one.",
  "**A batch costs what one sequence costs**, up to M. On two cores four sequences took 1.4 to 3.5 times as long as one.",
  "**Draft and target do not disturb each other.** On one machine they share cores, memory and caches.",
  "**Each step is accepted with the same chance**, whatever came before. In real runs rejections come in rows.",
  "**The answers stay as good.** A lenient verifier is faster and drifts: see the lesson above.",
];
