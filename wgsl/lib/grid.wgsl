// Workgroups of a long row of work are laid out in x and y, since one dimension has 65535 at most.
fn linear_group(group: vec3u, groups: vec3u) -> u32 {
  return group.y * groups.x + group.x;
}
