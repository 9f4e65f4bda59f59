// leakfirst: asks `leakfirst agents hook opencode` about each event and applies its answer.
// Fail-open: an event that cannot be asked about goes on, with a line on standard error.
import { spawnSync } from "node:child_process"

const COMMAND = "@COMMAND@"

function ask(event) {
  const done = spawnSync("/bin/sh", ["-c", COMMAND], { input: JSON.stringify(event), encoding: "utf8", timeout: 30000, maxBuffer: 1 << 28 })
  try {
    if (done.status === 2) return { refuse: done.stderr || "leakfirst: refused" }
    const answer = JSON.parse(done.stdout || "{}")
    if (answer.warning || answer.systemMessage) console.error(answer.warning || answer.systemMessage)
    return answer
  } catch {
    console.error("leakfirst: NOT looked at: the hook gave no answer")
    return {}
  }
}

export const Leakfirst = async ({ directory }) => ({
  "chat.message": async (input, output) => {
    for (const part of output.parts ?? []) {
      if (typeof part.text !== "string") continue
      const answer = ask({ event: "chat.message", session: input.sessionID, cwd: directory, prompt: part.text })
      if (answer.refuse) part.text = answer.refuse
      else if (typeof answer.prompt === "string") part.text = answer.prompt
    }
  },
  "tool.execute.before": async (input, output) => {
    const answer = ask({ event: "tool.execute.before", session: input.sessionID, cwd: directory, tool: input.tool, args: output.args })
    if (answer.refuse) throw new Error(answer.refuse)
  },
  "tool.execute.after": async (input, output) => {
    const { title, output: text, metadata } = output
    const answer = ask({ event: "tool.execute.after", session: input.sessionID, cwd: directory, tool: input.tool, output: { title, output: text, metadata } })
    if (answer.output) Object.assign(output, answer.output)
  },
})
