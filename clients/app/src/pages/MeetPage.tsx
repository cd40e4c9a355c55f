export default function MeetPage({ room }: { room: string }) {
  return <p>{room}</p>;
}
