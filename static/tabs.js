// The tabs of one browser tell each other what has changed about the person. Knows nothing of what it means.

const channel = new BroadcastChannel("rlhb");

/** Tell the other tabs. */
export const tellTabs = (news) => channel.postMessage(news);

/** Call back with what another tab tells. */
export const onTabsTold = (callback) => channel.addEventListener("message", ({ data }) => callback(data));
